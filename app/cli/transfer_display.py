"""What commands that move files show: bars for somebody who watches, and a line for each file."""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from rich.filesize import decimal
from rich.progress import Progress

from app.cli.connection import say
from app.cli.transfer import transfer_bars
from app.client.errors import ClientError


class Outcome(Protocol):
    """What became of a file: how many bytes of it arrived, or the error."""

    @property
    def size(self) -> int | None: ...
    @property
    def error(self) -> ClientError | None: ...


T = TypeVar("T", bound=Outcome)


class TransferDisplay(ABC, Generic[T]):
    """For so many files, `size` bytes together. Counts, and prints. Safe to share between threads.

    The bars are on standard error, if that is a terminal.
    """

    def __init__(self, *, files: int, size: int, as_json: bool, quiet: bool, done: str) -> None:
        self.bars: Progress = transfer_bars(quiet=quiet)
        self.failed: list[T] = []
        self._files = files
        self._as_json = as_json
        self._quiet = quiet
        self._done = done
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._arrived: list[int] = []
        self._moving = self.bars.add_task(self._counted(), total=size)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """What it came to is said at the end, however it ends."""
        try:
            with self.bars:
                yield
        finally:
            self._end()

    def moved(self, count: int) -> None:
        """So many further bytes have arrived, or fewer than was said before."""
        self.bars.update(self._moving, advance=count)

    def note(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def outcome(self, outcome: T) -> None:
        """What became of one file."""
        with self._lock:
            if outcome.error is None:
                self._arrived.append(outcome.size or 0)
            else:
                self.failed.append(outcome)
            self._print(outcome)
            self.bars.update(self._moving, description=self._counted())

    @abstractmethod
    def document(self, outcome: T) -> dict[str, Any]:
        """What --json prints of it, save the error."""

    @abstractmethod
    def line(self, outcome: T) -> str:
        """What is printed of a file that has arrived; empty: nothing."""

    @abstractmethod
    def name(self, outcome: T) -> str:
        """What a file that has not is called."""

    def _print(self, outcome: T) -> None:
        error = outcome.error
        if self._as_json:
            told = {"code": error.code, "detail": str(error)} if error else None
            print(json.dumps({**self.document(outcome), "error": told}), flush=True)
        elif not (error or self._quiet) and (line := self.line(outcome)):
            print(line, flush=True)

    def _end(self) -> None:
        for outcome in self.failed:
            say(f"{self.name(outcome)}: {outcome.error}")
        seconds, size = time.monotonic() - self._begun, decimal(sum(self._arrived))
        failed = f"{len(self.failed)} failed"
        self.note(f"{self._counted()} {self._done}, {failed}; {size} in {seconds:.1f} s")

    def _counted(self) -> str:
        return f"{len(self._arrived)} of {self._files} files"
