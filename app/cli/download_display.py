"""What a download shows: bars for somebody who watches, and a line for each file."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.filesize import decimal
from rich.progress import Progress

from app.cli.connection import say
from app.cli.table import printable
from app.cli.transfer import transfer_bars
from app.client.errors import ClientError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: where it is and what its bytes were checked by, or the error."""

    id: str
    path: str | None = None
    size: int | None = None
    checksum: str | None = None
    error: ClientError | None = None


@contextmanager
def display(*, files: int, size: int, as_json: bool, quiet: bool) -> Iterator["Display"]:
    """For so many files, `size` bytes together. What it came to is said however it ends."""
    bars = transfer_bars(quiet=quiet)
    shown = Display(bars, files, size, as_json=as_json, quiet=quiet)
    try:
        with bars:
            yield shown
    finally:
        shown.end()


class Display:
    """Counts, and prints."""

    def __init__(
        self, bars: Progress, files: int, size: int, *, as_json: bool, quiet: bool
    ) -> None:
        self._bars = bars
        self._files = files
        self._as_json = as_json
        self._quiet = quiet
        self._begun = time.monotonic()
        self._arrived: list[int] = []
        self.failed: list[Outcome] = []
        self._receiving = bars.add_task(self._counted(), total=size)

    def received(self, count: int) -> None:
        """So many further bytes are here; from any thread."""
        self._bars.update(self._receiving, advance=count)

    def note(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def outcome(self, outcome: Outcome) -> None:
        """What became of one file."""
        if outcome.error is None:
            self._arrived.append(outcome.size or 0)
        else:
            self.failed.append(outcome)
        self._bars.update(self._receiving, description=self._counted())
        if self._as_json:
            print(json.dumps(_document(outcome)), flush=True)
        elif outcome.error is None and not self._quiet and outcome.path != "-":
            print(printable(outcome.path or ""), flush=True)

    def end(self) -> None:
        """What failed, and how much arrived."""
        for outcome in self.failed:
            name = f" ({outcome.path})" if outcome.path else ""
            say(f"{outcome.id}{name}: {outcome.error}")
        if not self._quiet:
            seconds = time.monotonic() - self._begun
            size = decimal(sum(self._arrived))
            failed = len(self.failed)
            say(f"{self._counted()} downloaded, {failed} failed; {size} in {seconds:.1f} s")

    def _counted(self) -> str:
        return f"{len(self._arrived)} of {self._files} files"


def _document(outcome: Outcome) -> dict[str, object]:
    error = outcome.error
    return {
        "id": outcome.id,
        "path": outcome.path,
        "size": outcome.size,
        "checksum": outcome.checksum,
        "error": {"code": error.code, "detail": str(error)} if error else None,
    }
