"""Batches: what goes together, who hears what, and who cannot harm whom."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from app.repository.coalescing import Coalescer


class Outage(Exception):
    """A failure that everybody shares."""


class BadItem(Exception):
    """A failure of one item."""


def outcomes(items: Iterable[int]) -> list[str]:
    return [f"done {item}" for item in items]


class Sink:
    """Takes batches while its gate is open, and refuses the items it was told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[list[int]] = []
        self.done: list[int] = []
        self.bad: set[int] = set()
        self.outage: Outage | None = None
        self.most_at_once = 0
        self._now = 0

    async def flush(self, batch: Sequence[int]) -> list[str]:
        self.batches.append(list(batch))
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await self.open.wait()
        self._now -= 1
        if self.outage:
            raise self.outage
        if self.bad.intersection(batch):
            raise BadItem(sorted(self.bad.intersection(batch)))
        self.done.extend(batch)
        return outcomes(batch)


Flush = Callable[[Sequence[int]], Awaitable[list[str]]]


def coalescer(flush: Flush, **options: Any) -> Coalescer[int, str]:
    defaults = {"max_batch": 4, "max_waiting": 100, "flights": 1, "common": Outage}
    return Coalescer(flush, **(defaults | options))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0)


async def submit_all(
    batches: Coalescer[int, str], items: Sequence[int]
) -> list[str | BaseException]:
    return await asyncio.gather(*map(batches.submit, items), return_exceptions=True)


@pytest.fixture
async def sink() -> Sink:
    return Sink()


async def test_one_item_goes_at_once(sink: Sink) -> None:
    await coalescer(sink.flush).submit(7)

    assert sink.batches == [[7]]


async def test_what_comes_together_goes_together_in_order(sink: Sink) -> None:
    assert await submit_all(coalescer(sink.flush), range(6)) == outcomes(range(6))
    assert sink.batches == [[0, 1, 2, 3], [4, 5]]


async def test_what_comes_meanwhile_waits_for_the_next_batch(sink: Sink) -> None:
    batches = coalescer(sink.flush)
    sink.open.clear()
    first = asyncio.create_task(batches.submit(0))
    await until(lambda: sink.batches == [[0]])
    others = [asyncio.create_task(batches.submit(item)) for item in (1, 2)]
    await asyncio.sleep(0)
    assert sink.batches == [[0]]

    sink.open.set()
    await asyncio.gather(first, *others)
    assert sink.batches == [[0], [1, 2]]


async def test_no_caller_hears_before_its_item_is_done(sink: Sink) -> None:
    sink.open.clear()
    caller = asyncio.create_task(coalescer(sink.flush).submit(1))
    await until(lambda: sink.batches)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not caller.done()

    sink.open.set()
    await caller
    assert sink.done == [1]


async def test_so_many_batches_fly_at_once_and_no_more(sink: Sink) -> None:
    batches = coalescer(sink.flush, flights=2)
    sink.open.clear()
    callers = [asyncio.create_task(batches.submit(item)) for item in range(20)]
    await until(lambda: len(sink.batches) == 2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(sink.batches) == 2

    sink.open.set()
    await asyncio.gather(*callers)
    assert sink.most_at_once == 2
    assert sorted(sink.done) == list(range(20))


async def test_free_flights_share_what_waits(sink: Sink) -> None:
    """So that one batch is being prepared while another is on its way."""
    batches = coalescer(sink.flush, flights=2, max_batch=100)
    sink.open.clear()
    callers = [asyncio.create_task(batches.submit(item)) for item in range(7)]
    await until(lambda: len(sink.batches) == 2)
    sink.open.set()
    await asyncio.gather(*callers)

    assert sink.batches == [[0, 1, 2, 3], [4, 5, 6]]


async def test_a_flight_that_is_alone_takes_all_that_waits(sink: Sink) -> None:
    batches = coalescer(sink.flush, flights=2, max_batch=100)
    sink.open.clear()
    first = asyncio.create_task(batches.submit(0))
    await until(lambda: sink.batches == [[0]])
    others = [asyncio.create_task(batches.submit(item)) for item in range(1, 6)]
    await until(lambda: len(sink.batches) == 2)
    sink.open.set()
    await asyncio.gather(first, *others)

    assert sink.batches == [[0], [1, 2, 3, 4, 5]]


async def test_it_starts_again_after_a_pause(sink: Sink) -> None:
    batches = coalescer(sink.flush)
    async with asyncio.timeout(60):
        for item in range(3):
            await batches.submit(item)

    assert sink.batches == [[0], [1], [2]]


async def test_an_item_that_comes_as_a_flight_ends_is_not_left_behind(sink: Sink) -> None:
    batches = coalescer(sink.flush)

    async def caller(item: int) -> None:
        await batches.submit(item)
        await batches.submit(item + 10)

    async with asyncio.timeout(60):
        await asyncio.gather(*map(caller, range(5)))
    assert len(sink.done) == 10


async def test_a_bad_item_fails_alone(sink: Sink) -> None:
    sink.bad = {2}
    told = await submit_all(coalescer(sink.flush), range(4))

    assert [type(outcome) for outcome in told] == [str, str, BadItem, str]
    assert sink.done == [0, 1, 3]


async def test_a_common_failure_is_everybodys_and_is_not_repeated(sink: Sink) -> None:
    sink.outage = Outage()
    assert await submit_all(coalescer(sink.flush), range(4)) == [sink.outage] * 4
    assert sink.batches == [[0, 1, 2, 3]]


async def test_it_goes_on_after_a_failure(sink: Sink) -> None:
    batches = coalescer(sink.flush)
    sink.outage = Outage()
    with pytest.raises(Outage):
        await batches.submit(1)
    sink.outage = None
    await batches.submit(2)

    assert sink.done == [2]


async def test_a_flush_that_ends_cancelled_is_a_common_failure_and_the_queue_goes_on() -> None:
    batches_seen = []

    async def flush(batch: Sequence[int]) -> list[str]:
        batches_seen.append(list(batch))
        await asyncio.sleep(0)
        if len(batches_seen) == 1:
            raise asyncio.CancelledError
        return outcomes(batch)

    async with asyncio.timeout(60):
        told = await submit_all(coalescer(flush), range(10))

    assert [type(outcome) for outcome in told] == [Outage] * 4 + [str] * 6
    assert batches_seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_cancelled_flush_of_a_single_item_leaves_no_other_waiting(sink: Sink) -> None:
    async def flush(batch: Sequence[int]) -> list[str]:
        if batch == [1]:
            raise asyncio.CancelledError
        return await sink.flush(batch)

    sink.bad = {2}
    async with asyncio.timeout(60):
        told = await submit_all(coalescer(flush), range(6))

    assert [type(outcome) for outcome in told] == [str] + [Outage] * 3 + [str] * 2
    assert sink.done == [0, 4, 5]


async def test_a_flight_that_is_cancelled_ends_and_tells_its_callers(sink: Sink) -> None:
    """As when the loop shuts down; whoever submits later gets a flight again."""
    flights = []

    async def flush(batch: Sequence[int]) -> list[str]:
        flights.append(asyncio.current_task())
        return await sink.flush(batch)

    batches = coalescer(flush)
    sink.open.clear()
    callers = [asyncio.create_task(batches.submit(item)) for item in range(4)]
    await until(lambda: flights)
    [flight] = flights
    assert flight is not None
    flight.cancel()
    async with asyncio.timeout(60):
        told = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(outcome) for outcome in told] == [Outage] * 4
    assert flight.cancelled()

    sink.open.set()
    async with asyncio.timeout(60):
        await batches.submit(9)
    assert sink.done == [9]


async def test_too_many_waiting_are_refused_at_once(sink: Sink) -> None:
    batches = coalescer(sink.flush, max_waiting=3)
    sink.open.clear()
    taken = asyncio.create_task(batches.submit(0))
    await until(lambda: sink.batches)
    waiting = [asyncio.create_task(batches.submit(item)) for item in (1, 2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(asyncio.QueueFull):
        await batches.submit(4)

    sink.open.set()
    await asyncio.gather(taken, *waiting)
    assert sink.done == [0, 1, 2, 3]


async def test_a_cancelled_caller_withdraws_what_no_batch_has_taken(sink: Sink) -> None:
    batches = coalescer(sink.flush)
    sink.open.clear()
    taken = asyncio.create_task(batches.submit(0))
    await until(lambda: sink.batches)
    leaver = asyncio.create_task(batches.submit(1))
    stayer = asyncio.create_task(batches.submit(2))
    await asyncio.sleep(0)
    leaver.cancel()
    sink.open.set()
    await asyncio.gather(taken, stayer)

    assert sink.done == [0, 2]


async def test_a_caller_cancelled_in_flight_harms_nobody(sink: Sink) -> None:
    batches = coalescer(sink.flush)
    sink.open.clear()
    leaver, stayer = (asyncio.create_task(batches.submit(item)) for item in (1, 2))
    await until(lambda: sink.batches == [[1, 2]])
    leaver.cancel()
    await asyncio.sleep(0)
    sink.open.set()
    await stayer

    assert leaver.cancelled()
    assert sink.done == [1, 2]


async def test_a_batch_has_none_of_its_callers_context() -> None:
    request_id = ContextVar("request_id", default="none")
    seen = []

    async def flush(batch: Sequence[int]) -> list[str]:
        seen.append(request_id.get())
        return outcomes(batch)

    request_id.set("that of the first caller")
    await coalescer(flush).submit(1)

    assert seen == ["none"]
