"""What the commands share that move bytes: their bars, and their threads."""

import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def transfer_bars(*, quiet: bool) -> Progress:
    """Bars with size, rate and time left on standard error, if that is a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        # What is printed to the same terminal must go above the bars; a file must not lose it.
        redirect_stdout=sys.stdout.isatty(),
    )


@contextmanager
def threads(count: int) -> Iterator[Executor]:
    """A pool that nobody waits for once something has ended the command."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="transfer")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
