"""How far a comparison is, for somebody who watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from app.cli.progress import bars
from app.service.reconcile import Stage

_COUNTED = (Stage.OBJECTS, Stage.RECORDS)
"""Of these there are about as many as records; how many there are of others nobody knows."""


@contextmanager
def progress(records: int) -> Iterator[Callable[[Stage, int], None]]:
    """A bar for each stage on standard error, if that is a terminal. Call what it yields with
    every further number of things seen."""
    with bars() as shown:
        yield _Stages(shown, records).seen if shown else lambda *_: None


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
