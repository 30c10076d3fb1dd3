"""Standard input, whose size nobody knows, as a file: its upload is created with the exact size."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from app.client.digest import crc32
from app.client.source import Source

_BLOCK = 1024**2


@contextmanager
def spooled(stream: BinaryIO, name: str) -> Iterator[Source]:
    """All of `stream`, in a temporary file without a name, which goes when the process does.

    It lies where TMPDIR says. Its checksum is taken on the way. Raises `OSError`.
    """
    with tempfile.TemporaryFile(buffering=0) as file:
        checksum = 0
        while block := stream.read(_BLOCK):
            checksum = crc32(block, checksum)
            _write(file, block)
        found = os.fstat(file.fileno())
        path = f"/dev/fd/{file.fileno()}"
        yield Source(path, name, found.st_size, found.st_mtime_ns, crc32=checksum)


def _write(file: BinaryIO, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]
