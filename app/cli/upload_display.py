"""What an upload shows: bars for somebody who watches, and a line for each file."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.filesize import decimal
from rich.progress import Progress

from app.cli.connection import say
from app.cli.table import printable
from app.cli.transfer import transfer_bars
from app.client.uploads import Outcome


@contextmanager
def display(*, files: int, size: int, as_json: bool, quiet: bool) -> Iterator["Display"]:
    """For so many files, `size` bytes together. The bars are on standard error, if that is a
    terminal. What it came to is said at the end, however it ends."""
    bars = transfer_bars(quiet=quiet)
    shown = Display(bars, files, size, as_json=as_json, quiet=quiet)
    try:
        with bars:
            yield shown
    finally:
        shown.end()


class Display:
    """Counts, and prints. Safe to share between threads."""

    def __init__(
        self, bars: Progress, files: int, size: int, *, as_json: bool, quiet: bool
    ) -> None:
        self._bars = bars
        self._files = files
        self._as_json = as_json
        self._quiet = quiet
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._arrived: list[int] = []
        self.failed: list[Outcome] = []
        self._reading = bars.add_task("Checksums", total=size, visible=False)
        self._sending = bars.add_task(self._counted(), total=size)

    def read(self, count: int) -> None:
        """So many further bytes were read for their checksum."""
        self._bars.update(self._reading, advance=count, visible=True)

    def sent(self, count: int) -> None:
        """So many further bytes have arrived, or fewer than was said before."""
        self._bars.update(self._sending, advance=count)

    def note(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def outcome(self, outcome: Outcome) -> None:
        """What became of one file."""
        with self._lock:
            if outcome.error is None:
                self._arrived.append(outcome.size or 0)
            else:
                self.failed.append(outcome)
            if self._as_json:
                print(json.dumps(_document(outcome)), flush=True)
            elif outcome.error is None and not self._quiet:
                print(f"{outcome.status}  {outcome.id}  {printable(outcome.name)}", flush=True)
            self._bars.update(self._sending, description=self._counted())

    def end(self) -> None:
        """What failed, and how much arrived."""
        for outcome in self.failed:
            say(f"{outcome.name}: {outcome.error}")
        if not self._quiet:
            seconds = time.monotonic() - self._begun
            size = decimal(sum(self._arrived))
            say(f"{self._counted()} uploaded, {len(self.failed)} failed; {size} in {seconds:.1f} s")

    def _counted(self) -> str:
        return f"{len(self._arrived)} of {self._files} files"


def _document(outcome: Outcome) -> dict[str, object]:
    error = outcome.error
    return {
        "path": outcome.name,
        "size": outcome.size,
        "id": outcome.id,
        "key": outcome.key,
        "status": outcome.status,
        "error": {"code": error.code, "detail": str(error)} if error else None,
    }
