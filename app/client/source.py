"""A file on this machine that shall be uploaded, as it was when it was found."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from app.client.errors import FileChanged

Fingerprint = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Source:
    """`path` leads to the bytes; `name` is how people call it, with folders as far as they count.

    `folder` says that it was found in a folder that somebody named, which `name` begins with.
    """

    path: str
    name: str
    size: int
    mtime_ns: int
    folder: bool = False
    crc32: int | None = None
    """Of the bytes, where it is known already."""

    @property
    def fingerprint(self) -> Fingerprint:
        return (self.size, self.mtime_ns)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file, unbuffered and with a position of its own.

        Raises `OSError`, and `FileChanged` if it is another one than was found, or becomes one.
        """
        with open(self.path, "rb", buffering=0) as file:
            self._check(file)
            yield file
            self._check(file)

    def _check(self, file: BinaryIO) -> None:
        now = os.fstat(file.fileno())
        if (now.st_size, now.st_mtime_ns) != self.fingerprint:
            raise FileChanged("it changed while it was being uploaded; upload it again")
