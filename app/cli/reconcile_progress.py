"""How far a comparison is, for somebody who watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.service.reconcile import Stage

_COUNTED = (Stage.OBJECTS, Stage.RECORDS)
"""Of these there are about as many as records; how many there are of others nobody knows."""


@contextmanager
def progress(records: int) -> Iterator[Callable[[Stage, int], None]]:
    """A bar for each stage on standard error, if that is a terminal. Call what it yields with
    every further number of things seen."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        # What is printed to the same terminal must go above the bars; a file must not lose it.
        redirect_stdout=sys.stdout.isatty(),
    ) as bars:
        yield _Stages(bars, records).seen


class _Stages:
    def __init__(self, bars: Progress, records: int) -> None:
        self._bars = bars
        self._records = records
        self._stage: Stage | None = None

    def seen(self, stage: Stage, count: int) -> None:
        if stage is not self._stage:
            self._end()
            name = stage.replace("_", " ")
            total = self._records if stage in _COUNTED else None
            self._task, self._stage = self._bars.add_task(name, total=total), stage
        self._bars.update(self._task, advance=count)

    def _end(self) -> None:
        if self._stage is not None:
            [task] = [task for task in self._bars.tasks if task.id == self._task]
            self._bars.update(self._task, total=task.completed)
