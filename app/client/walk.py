"""From the paths that somebody names to the files that are there."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.client.errors import Unusable
from app.client.source import Source

Found = tuple[str, Source | Unusable]
"""How people call it, and the file or what is wrong with it."""

_Inode = tuple[int, int]


def find(paths: Sequence[str]) -> Iterator[Found]:
    """Every file that is named, and every file in the folders that are named, in order of names.

    Symbolic links are followed, but into no folder that they lie in themselves.
    """
    for path in paths:
        name = Path(path).name or os.path.basename(os.path.abspath(path))
        yield from _look(os.path.abspath(path), name or path, (), folder=False)


def _look(path: str, name: str, above: tuple[_Inode, ...], *, folder: bool) -> Iterator[Found]:
    try:
        found = os.stat(path)
        if not stat.S_ISDIR(found.st_mode):
            yield name, _file(path, name, found, folder=folder)
        elif (inode := (found.st_dev, found.st_ino)) not in above:
            for child in sorted(os.listdir(path)):
                below = (*above, inode)
                yield from _look(os.path.join(path, child), f"{name}/{child}", below, folder=True)
    except OSError as error:
        yield name, unusable(error)


def _file(path: str, name: str, found: os.stat_result, *, folder: bool) -> Source | Unusable:
    if not stat.S_ISREG(found.st_mode):
        return Unusable("it is neither a file nor a folder; pipe what it yields into: upload -")
    return Source(path, name, found.st_size, found.st_mtime_ns, folder=folder)


def unusable(error: OSError) -> Unusable:
    """What the operating system says of a file."""
    return Unusable(f"it cannot be read: {error.strerror or error}")
