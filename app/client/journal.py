"""What became of an upload's files, so that the same command goes on where it stood.

One file for each command. It holds names, sizes and ids, no token and no URL.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.client.answers import File
from app.client.errors import Unkept
from app.client.source import Fingerprint, Source
from app.client.state_file import add_line, lock, read_lines
from app.domain.file import UploadMethod

LIFE = 28 * 24 * 3600
"""Seconds; no upload in parts lives longer (`app.domain.policy.MULTIPART_LIFE`)."""

_BUSY = "the same upload is running already; wait for it, or end it first"


@dataclass(frozen=True, slots=True)
class Entry:
    """The latest upload of a file. `status` is None until it was verified."""

    id: str
    key: str
    fingerprint: Fingerprint
    in_parts: bool
    status: str | None = None


class Journal:
    """Entries by path. Safe to share between threads: a line is one write. Raises `Unkept`."""

    is_settled = False
    """Set when nothing is left to do: the command then begins anew when it is given again."""

    def __init__(self, descriptor: int, directory: Path) -> None:
        self._descriptor = descriptor
        self._directory = directory
        lines = read_lines(descriptor)
        head = lines[0] if lines and "run" in lines[0] else None
        self._run = str(head["run"]) if head else str(uuid.uuid4())
        if head is None:
            self._add({"run": self._run})
        self._entries = {line["path"]: _entry(line) for line in lines if "path" in line}

    def entry(self, source: Source) -> Entry | None:
        """What is known of the file at that path, changed since or not."""
        return self._entries.get(source.path)

    def key(self, sources: Sequence[Source]) -> str:
        """The Idempotency-Key to create uploads of these with, once they are not known here: the
        same after a crash that came between the creation and its entry."""
        known = [self._entries.get(source.path) for source in sources]
        earlier = [entry.id for entry in known if entry]
        what = [self._run, earlier, *([s.path, s.fingerprint] for s in sources)]
        return _digest(what)

    def begun(self, source: Source, file: File) -> None:
        """It exists at the service, and bytes may be sent."""
        self._note(source, file, None)

    def done(self, source: Source, file: File) -> None:
        """It was verified."""
        self._note(source, file, file.status)

    def _note(self, source: Source, file: File, status: str | None) -> None:
        in_parts = file.method is UploadMethod.MULTIPART
        entry = Entry(file.id, file.key, source.fingerprint, in_parts, status)
        self._entries[source.path] = entry
        line = {"path": source.path, "size": source.size, "mtime_ns": source.mtime_ns}
        more = {"id": file.id, "key": file.key, "in_parts": in_parts, "status": status}
        self._add(line | more)

    def _add(self, line: Mapping[str, Any]) -> None:
        try:
            add_line(self._descriptor, line)
        except OSError as error:
            raise Unkept(
                f"what has arrived cannot be noted in {self._directory}: {error.strerror}; make "
                "room there, or set XDG_STATE_HOME to another place"
            ) from None


@contextmanager
def journal(directory: Path, *command: object) -> Iterator["Journal"]:
    """That of the command. Raises `Busy` while another process has it, and `OSError`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clean(directory)
    path = directory / f"{_digest(command)}.jsonl"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        lock(descriptor, path, _BUSY)
        kept = Journal(descriptor, directory)
        yield kept
        if kept.is_settled:
            path.unlink()
    finally:
        os.close(descriptor)


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where the user's programs keep state.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    home = Path(environ.get("XDG_STATE_HOME", ""))
    if not home.is_absolute():  # which the specification says to ignore
        home = Path.home() / ".local" / "state"
    return home / "slipway" / "uploads"


def _entry(line: Mapping[str, Any]) -> Entry:
    fingerprint = (int(line["size"]), int(line["mtime_ns"]))
    return Entry(line["id"], line["key"], fingerprint, line["in_parts"], line["status"])


def _clean(directory: Path) -> None:
    for path in directory.glob("*.jsonl"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LIFE:
                path.unlink()


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
