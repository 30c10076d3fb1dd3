"""Progress bars for somebody who watches: on standard error, and only if that is a terminal."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")


@contextmanager
def bars() -> Iterator[Progress | None]:
    """Where to add bars; None when nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        # What is printed to the same terminal must go above the bars; a file must not lose it.
        redirect_stdout=sys.stdout.isatty(),
    ) as shown:
        yield shown


def watched(things: Sequence[T], name: str) -> Iterator[T]:
    """Each of the things, with a bar of that name that says how many are done."""
    with bars() as shown:
        yield from shown.track(things, description=name) if shown else things
