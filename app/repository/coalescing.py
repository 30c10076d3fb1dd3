"""Concurrent callers' items, handed over in batches."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Batch = list[tuple[T, asyncio.Future[R]]]


class Coalescer(Generic[T, R]):
    """Gathers what callers submit while earlier batches are on their way.

    `flush` takes up to `max_batch` items and returns the outcome of each, in their order, or raises
    and has done none of them. Up to `flights` calls of it
    run at once; those that are free share what waits. A batch that fails is done again item by
    item, so that each caller gets its own item's outcome, unless the failure is `common`: the same
    whoever submitted. One that ends cancelled is a `common` failure too.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        max_batch: int,
        max_waiting: int,
        flights: int,
        common: type[Exception],
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._free_flights = flights  # not with a batch of theirs
        self._unstarted = flights
        self._common = common
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: T) -> R:
        """The outcome of `item`, once it is done; raise what `flush` raised for it.

        Raises asyncio.QueueFull when `max_waiting` items wait already. Cancelling the caller
        withdraws its item only while no batch has taken it.
        """
        if len(self._waiting) >= self._max_waiting:
            raise asyncio.QueueFull
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._unstarted:
            self._start()
        return await done

    def _start(self) -> None:
        self._unstarted -= 1
        # A context of its own: a batch belongs to no single caller's request.
        task = asyncio.create_task(self._fly(), context=Context())
        self._tasks.add(task)  # the loop itself refers to its tasks weakly
        task.add_done_callback(self._tasks.discard)

    async def _fly(self) -> None:
        try:
            while batch := self._next_batch():
                await self._carry(batch)
        finally:
            self._unstarted += 1

    async def _carry(self, batch: Batch[T, R]) -> None:
        self._free_flights -= 1
        try:
            await self._deliver(batch)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
        finally:
            self._free_flights += 1
            _fail(batch, self._common("It was cancelled on its way; try again."))

    def _next_batch(self) -> Batch[T, R]:
        share = math.ceil(len(self._waiting) / self._free_flights)
        batch: Batch[T, R] = []
        while self._waiting and len(batch) < min(share, self._max_batch):
            item, done = self._waiting.popleft()
            if not done.cancelled():
                batch.append((item, done))
        return batch

    async def _deliver(self, batch: Batch[T, R]) -> None:
        try:
            outcomes = await self._flush([item for item, _ in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, self._common):
                _fail(batch, error)
            else:
                for single in batch:
                    await self._deliver([single])
        else:
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                if not done.done():
                    done.set_result(outcome)


def _is_being_cancelled() -> bool:
    """Rather than having met a CancelledError of somebody else's."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _fail(batch: Batch[T, R], error: Exception) -> None:
    """Tell those who have not been told, and still listen."""
    for _, done in batch:
        if not done.done():
            done.set_exception(error)
