"""Where a downloaded file goes, and how it gets there."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.client.answers import File
from app.client.download_errors import BadTarget, Exists, NoSpace
from app.client.local_name import local_name

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""What file systems without hard links say (link(2))."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file's place, which another file may hold already only if it is to be replaced."""

    path: Path
    replace: bool = False

    def check(self) -> None:
        """Raise `Exists` or `BadTarget` if the file cannot go there."""
        if not self.path.parent.is_dir():
            raise BadTarget(f"there is no folder {self.path.parent}: create it first")
        found = self._found()
        if found and not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            raise BadTarget(f"{self.path} is not a file; for a device or a pipe, use -o - and >")
        if found and not self.replace:
            raise self.taken

    @property
    def taken(self) -> Exists:
        return Exists(f"{self.path} exists: --force replaces it, -o names another place")

    @property
    def mode(self) -> int | None:
        """The permissions of the file that is to be replaced."""
        found = self._found()
        return stat.S_IMODE(found.st_mode) if found and stat.S_ISREG(found.st_mode) else None

    def _found(self) -> os.stat_result | None:
        try:
            return os.lstat(self.path)
        except FileNotFoundError:
            return None


def target_for(file: File, output: str | None, *, replace: bool) -> Target:
    """In the present folder, in the folder `output`, or at the path `output`.

    Raises `Exists` and `BadTarget`.
    """
    base = Path(output or ".")
    in_folder = output is None or output.endswith(os.sep) or base.is_dir()
    target = Target(base / local_name(file.filename, file.id) if in_folder else base, replace)
    with explained(target.path):
        target.check()
    return target


def put(path: Path, target: Target) -> None:
    """Move the file there in one step. Raises `Exists` and `OSError`."""
    if target.replace:
        os.replace(path, target.path)
        return
    try:
        os.link(path, target.path)  # which, unlike a rename, replaces nothing
    except FileExistsError:
        raise target.taken from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        target.check()
        os.rename(path, target.path)
    else:
        path.unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Have the names in it outlive the machine's power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise `NoSpace` or `BadTarget` for what the operating system says."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise NoSpace(
                f"{path.parent} is full: make room, and the same command goes on where it stood"
            ) from None
        raise BadTarget(f"{path} cannot be written: {reason}") from None
