"""A download that has not ended, in two files beside its target, so that another run goes on.

`.slipway-<id>.part` has the bytes, `.slipway-<id>.json` lines of JSON: which object it is, then
each part that is there. A process that is killed loses at most the parts that it was fetching.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from app.client.answers import File
from app.client.download_errors import NoSpace
from app.client.state_file import add_line, lock, read_lines
from app.client.target import Target, explained, put, sync
from app.domain.parts import MIB, plan_parts

PART_SIZE = 8 * MIB

_BLOCK = 512
"""Bytes that `st_blocks` counts by (stat(3type))."""

_BUSY = "another process is downloading the same there; wait for it, or end it first"


class Unfinished:
    """Which parts are there, and where more go. Safe to share between threads.

    `data` and `notes` are descriptors of the two files. All raise `NoSpace` and `BadTarget`.
    """

    def __init__(self, path: Path, data: int, notes: int, file: File) -> None:
        self._path = path
        self._data, self._notes = data, notes
        self._size = file.file_size
        self.plan = plan_parts(file.file_size, PART_SIZE)
        with explained(path):
            self._done = self._taken_up({"etag": file.etag, "part_size": self.plan.part_size})

    @property
    def missing(self) -> list[int]:
        return [n for n in range(1, self.plan.part_count + 1) if n not in self._done]

    @property
    def size_done(self) -> int:
        """Bytes of the parts that are there."""
        return sum(map(self.plan.size_of, self._done))

    def check_space(self) -> None:
        """Raise `NoSpace` if what is missing cannot fit."""
        needed = self._size - os.fstat(self._data).st_blocks * _BLOCK
        free = shutil.disk_usage(self._path.parent).free
        if needed > free:
            raise NoSpace(
                f"{self._path.parent} has room for {free} bytes, and {needed} are to come: make "
                "room, or name another place with -o"
            )

    def write(self, place: int, block: memoryview) -> None:
        with explained(self._path):
            while block:
                written = os.pwrite(self._data, block, place)
                place, block = place + written, block[written:]

    def done(self, number: int) -> None:
        """The part is there, and stays there whatever happens to the machine."""
        with explained(self._path):
            os.fdatasync(self._data)
            add_line(self._notes, [number])
        self._done.add(number)

    def blocks(self, buffer: memoryview) -> Iterator[memoryview]:
        """All bytes, from the first on, through `buffer`."""
        place = 0
        while count := os.preadv(self._data, [buffer], place):
            yield buffer[:count]
            place += count

    def become(self, target: Target) -> None:
        """Take the target's place at once: nobody ever sees half a file there. Raises `Exists`."""
        with explained(target.path):
            if (mode := target.mode) is not None:
                os.fchmod(self._data, mode)
            os.fsync(self._data)
            put(self._path, target)
            sync(target.path.parent)
        _notes_of(self._path).unlink(missing_ok=True)

    def discard(self) -> None:
        _discard(self._path)

    def _taken_up(self, head: dict[str, Any]) -> set[int]:
        lines = read_lines(self._notes)
        if lines[:1] == [head] and os.fstat(self._data).st_size == self._size:
            noted = {str(line) for line in lines[1:]}
            return {n for n in range(1, self.plan.part_count + 1) if f"[{n}]" in noted}
        for descriptor in (self._data, self._notes):
            os.ftruncate(descriptor, 0)
        os.ftruncate(self._data, self._size)
        add_line(self._notes, head)
        return set()


@contextmanager
def unfinished(file: File, folder: Path) -> Iterator[Unfinished]:
    """The download of `file` into `folder`. If it fails with nothing to go on from, it is gone.

    Raises `Busy` while another process is at it, `NoSpace` and `BadTarget`.
    """
    path = folder / f".slipway-{file.id}.part"
    with ExitStack() as stack:
        with explained(path):
            _drop_twin(path)
            data = stack.enter_context(_opened(path, 0o666))
            lock(data, path, _BUSY)
            notes = stack.enter_context(_opened(_notes_of(path), 0o600, os.O_APPEND))
        begun = None
        try:
            begun = Unfinished(path, data, notes, file)
            yield begun
        except BaseException:
            if not (begun and begun.size_done):
                _discard(path)
            raise


def _drop_twin(path: Path) -> None:
    """Of a file that has another name too nothing is written: it is that of a run that was killed
    as it gave the file its place, or leads to a file that is nobody's download."""
    with suppress(FileNotFoundError):
        if os.lstat(path).st_nlink > 1:
            _discard(path)


def _discard(path: Path) -> None:
    for each in (_notes_of(path), path):
        each.unlink(missing_ok=True)


def _notes_of(path: Path) -> Path:
    return path.with_suffix(".json")


@contextmanager
def _opened(path: Path, mode: int, flags: int = 0) -> Iterator[int]:
    # Nobody else's link may lead us elsewhere: the folder can be one that others write to.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
