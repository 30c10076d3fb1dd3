"""Files of state that one process has at a time, appended to in lines of JSON.

A process that is killed loses at most the line that it was writing.
"""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.client.errors import Busy


def lock(descriptor: int, path: Path, said: str) -> None:
    """Raise `Busy` with `said` if another process has the file, or has just done away with it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
            raise Busy(said)
    except (BlockingIOError, FileNotFoundError):
        raise Busy(said) from None


def read_lines(descriptor: int) -> list[Any]:
    """What the lines say, less those that were cut off."""
    lines = []
    for text in os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(b"\n"):
        with suppress(ValueError):
            lines.append(json.loads(text))
    return lines


def add_line(descriptor: int, line: object) -> None:
    """Of a file opened with O_APPEND; safe to call from several threads."""
    # The break before it, too: the last line of a process that was killed may lack its own.
    os.write(descriptor, b"\n" + json.dumps(line).encode() + b"\n")
