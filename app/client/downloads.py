"""Files from the store: several ranges of one at once, checked before they are called the file."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, as_completed, wait
from contextlib import contextmanager
from typing import Any

from app.client.answers import File
from app.client.api import Api
from app.client.checking import Check
from app.client.delivery import Progress
from app.client.download_errors import Corrupt, Replaced
from app.client.fetching import Fetching
from app.client.store_reader import BLOCK, StoreReader
from app.client.target import Target
from app.client.unfinished import Unfinished, unfinished
from app.domain.parts import MIB, PartPlan

STREAM_PART = 8 * MIB
"""Bytes; of a stream as many parts as there are threads wait in memory for their turn."""

_STUCK = 1.0
"""Seconds between two cuts at connections that somebody waits on."""


class Downloads:
    """Downloads one file at a time in the threads of `pool`. All raise `ClientError`."""

    def __init__(
        self,
        *,
        api: Api,
        reader: StoreReader,
        pool: Executor,
        parallel: int,
        on_received: Progress,
        on_note: Callable[[str], None],
    ) -> None:
        self._api = api
        self._reader = reader
        self._pool = pool
        self._parallel = parallel
        self._on_received = on_received
        self._on_note = on_note

    def save(self, file: File, target: Target) -> Check:
        """Have the file at the target, going on where an earlier run stood."""
        with unfinished(file, target.path.parent) as begun:
            begun.check_space()
            if held := begun.size_done:
                self._on_note(f"{target.path} goes on: {held} of {file.file_size} bytes are there")
                self._on_received(held)
            try:
                self._fetch_missing(begun, file)
                check = _checked(begun, file)
            except (Corrupt, Replaced):
                begun.discard()
                raise
            begun.become(target)
        return check

    def stream(self, file: File, write: Callable[[memoryview], object]) -> Check:
        """Write the file in order, with little of it in memory. Raises what `write` does, too."""
        check = Check(file.checksum)

        def pass_on(part: memoryview) -> None:
            check.take(part)
            write(part)
            self._on_received(len(part))

        self._fetch_in_order(file, pass_on)
        check.end()
        return check

    def _fetch_missing(self, begun: Unfinished, file: File) -> None:
        fetching = Fetching(self._api, self._reader, file)

        def take(place: int, block: memoryview) -> None:
            begun.write(place, block)
            self._on_received(len(block))

        def fetch(number: int) -> None:
            fetching.fetch(*_place(begun.plan, number), take)
            begun.done(number)

        tasks = [self._pool.submit(fetch, number) for number in begun.missing]
        with self._ended_together(fetching, tasks):
            for task in as_completed(tasks):
                task.result()

    def _fetch_in_order(self, file: File, on_part: Callable[[memoryview], None]) -> None:
        fetching = Fetching(self._api, self._reader, file)
        plan = PartPlan(file.file_size, STREAM_PART)
        waiting: deque[Future[memoryview]] = deque()
        with self._ended_together(fetching, waiting):
            for number in range(1, plan.part_count + 1):
                waiting.append(self._pool.submit(_fetched, fetching, *_place(plan, number)))
                if len(waiting) == self._parallel:
                    on_part(waiting.popleft().result())
            while waiting:
                on_part(waiting.popleft().result())

    @contextmanager
    def _ended_together(self, fetching: Fetching, tasks: Collection[Future[Any]]) -> Iterator[None]:
        """Leave no thread at work on what failed: the files that it writes to are closed next.

        Ctrl-C waits for nobody; the process ends.
        """
        try:
            yield
        except Exception:
            fetching.stop()
            for task in tasks:
                task.cancel()
            while wait(tasks, timeout=_STUCK).not_done:
                self._reader.cut()
            raise


def _fetched(fetching: Fetching, first: int, size: int) -> memoryview:
    part = memoryview(bytearray(size))

    def take(place: int, block: memoryview) -> None:
        part[place - first : place - first + len(block)] = block

    fetching.fetch(first, size, take)
    return part


def _checked(begun: Unfinished, file: File) -> Check:
    """Raises `Corrupt`."""
    check = Check(file.checksum)
    if check.algorithm:
        for block in begun.blocks(memoryview(bytearray(BLOCK))):
            check.take(block)
    check.end()
    return check


def _place(plan: PartPlan, number: int) -> tuple[int, int]:
    """The first byte of a part, and how many it has."""
    return (number - 1) * plan.part_size, plan.size_of(number)
