"""The fan-out of changes: who is told, how often the feed is asked, what becomes of the slow."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from app.service import live_hub
from app.service.live_hub import End, LiveHub, Subscription
from tests.fakes.change_feed import InMemoryChangeFeed

DEADLINE = 60.0


class Bell:
    """What the hub listens to, rung by the test."""

    def __init__(self) -> None:
        self.ring: Callable[[], None] = lambda: None
        self.listeners = 0

    async def listen(self, on_wake: Callable[[], None]) -> None:
        self.ring = on_wake
        self.listeners += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.listeners -= 1


@pytest.fixture
def feed() -> InMemoryChangeFeed:
    return InMemoryChangeFeed()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest_asyncio.fixture
async def hub(feed: InMemoryChangeFeed, bell: Bell) -> AsyncIterator[LiveHub]:
    hub = LiveHub(feed, bell.listen)
    yield hub
    await hub.close()
    assert bell.listeners == 0


async def told(subscription: Subscription, count: int) -> list[object]:
    seen: list[object] = []
    async with asyncio.timeout(DEADLINE):
        while len(seen) < count:
            news = await subscription.next()
            assert news, f"ended: {subscription.end}"
            seen += news
    return seen


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.001)


async def test_each_is_told_of_their_own(hub: LiveHub, feed: InMemoryChangeFeed) -> None:
    alice, bob = await hub.subscribe("alice"), await hub.subscribe("bob")
    first = feed.happen("alice")
    one = await hub.subscribe("alice", first.file_id)
    second, third = feed.happen("bob"), feed.happen("alice")
    assert await told(alice, 2) == [first, third]
    assert await told(bob, 1) == [second]
    assert await told(one, 1) == [first]


async def test_before_somebody_comes_nothing_is_read(
    hub: LiveHub, feed: InMemoryChangeFeed
) -> None:
    feed.happen()
    await asyncio.sleep(0)
    assert feed.asked == 0
    reader = await hub.subscribe("alice")
    second = feed.happen()
    assert await told(reader, 1) == [second]


async def test_one_look_serves_everybody(
    hub: LiveHub, feed: InMemoryChangeFeed, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "LOOK", 60.0)
    readers = [await hub.subscribe("alice") for _ in range(100)]
    await until(lambda: feed.asked == 2)  # where to begin, and the first look
    change = feed.happen()
    bell.ring()
    for reader in readers:
        assert await told(reader, 1) == [change]
    assert feed.asked == 3
    assert bell.listeners == 1


async def test_a_wake_that_is_lost_costs_a_look(
    hub: LiveHub, feed: InMemoryChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "LOOK", 0.05)
    reader = await hub.subscribe("alice")
    await until(lambda: feed.asked >= 2)
    change = feed.happen()
    assert await told(reader, 1) == [change]


async def test_an_outage_is_waited_for(
    hub: LiveHub, feed: InMemoryChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "LOOK", 0.01)
    reader = await hub.subscribe("alice")
    feed.down = True
    await until(lambda: feed.asked > 4)
    change = feed.happen()
    feed.down = False
    assert await told(reader, 1) == [change]


async def test_more_than_a_page(
    hub: LiveHub, feed: InMemoryChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "PAGE", 3)
    reader = await hub.subscribe("alice")
    changes = [feed.happen() for _ in range(10)]
    assert await told(reader, 10) == changes


async def test_who_does_not_read_is_sent_away(
    hub: LiveHub, feed: InMemoryChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "MAX_WAITING", 3)
    monkeypatch.setattr(live_hub, "PAGE", 2)
    slow, quick = await hub.subscribe("alice"), await hub.subscribe("alice")
    reading = asyncio.create_task(told(quick, 4))
    changes = [feed.happen() for _ in range(4)]
    assert await reading == changes
    assert await slow.next() == []
    assert slow.end is End.SLOW


async def test_history_that_is_lost_sends_everybody_away(
    hub: LiveHub, feed: InMemoryChangeFeed, bell: Bell
) -> None:
    """A standby took over that had not seen the last transactions."""
    reader = await hub.subscribe("alice")
    await until(lambda: feed.asked >= 2)
    feed.next -= 50
    bell.ring()
    async with asyncio.timeout(DEADLINE):
        assert await reader.next() == []
    assert reader.end is End.CLOSED
    hub.unsubscribe(reader)
    again = await hub.subscribe("alice")
    change = feed.happen()
    assert await told(again, 1) == [change]


async def test_a_defect_ends_the_readers_and_the_next_begins_anew(
    hub: LiveHub, feed: InMemoryChangeFeed, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await hub.subscribe("alice")
    await until(lambda: feed.asked >= 2)
    with monkeypatch.context() as broken:
        broken.setattr(feed, "since", None)
        bell.ring()
        async with asyncio.timeout(DEADLINE):
            assert await reader.next() == []
    again = await hub.subscribe("alice")
    hub.unsubscribe(reader)
    change = feed.happen()
    assert await told(again, 1) == [change]


async def test_the_last_to_leave_turns_off_the_light(
    hub: LiveHub, feed: InMemoryChangeFeed, bell: Bell
) -> None:
    readers = [await hub.subscribe("alice"), await hub.subscribe("bob")]
    await until(lambda: bell.listeners == 1)
    for reader in readers:
        hub.unsubscribe(reader)
    await until(lambda: bell.listeners == 0)
    assert hub.readers == 0


async def test_closing_ends_those_who_read_and_those_who_come(hub: LiveHub) -> None:
    early = await hub.subscribe("alice")
    hub.end()
    late = await hub.subscribe("alice")
    assert [await early.next(), await late.next()] == [[], []]
    assert (early.end, late.end) == (End.CLOSED, End.CLOSED)
