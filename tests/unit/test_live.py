"""Letting a reader in while the world goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.domain.change import Changes, Position
from app.domain.principal import Principal
from app.exceptions.errors import DatabaseUnavailable, NotFound
from app.service.live import LiveService
from app.service.live_hub import LiveHub
from tests.fakes.change_feed import InMemoryChangeFeed
from tests.fakes.file_repository import InMemoryFileRepository
from tests.support.records import a_record
from tests.unit.test_live_hub import Bell, told, until

ALICE = Principal("alice")


class World:
    """The service on its twins."""

    def __init__(self) -> None:
        self.feed = InMemoryChangeFeed()
        self.files = InMemoryFileRepository()
        self.bell = Bell()
        self.hub = LiveHub(self.feed, self.bell.listen)
        self.live = LiveService(
            hub=self.hub,
            feed=self.feed,
            repository=self.files,
            max_streams=10,
            max_per_owner=10,
        )


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.live.close()
    assert world.bell.listeners == 0


async def test_what_comes_while_a_reader_is_let_in_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both by the look at what was missed and by the hub, which has it already."""
    missed = world.feed.happen()
    other = await world.hub.subscribe("alice")
    since = world.feed.since

    async def late(after: Position, **asked: Any) -> Changes:
        if "of" in asked:
            world.feed.happen()
            world.bell.ring()
            await told(other, 1)
        return await since(after, **asked)

    await until(lambda: world.feed.asked >= 2)  # where to begin, and the first look
    monkeypatch.setattr(world.feed, "since", late)
    stream = await world.live.open_all(ALICE, Position(missed.position.xact, 0))
    monkeypatch.undo()

    async with asyncio.timeout(60):
        assert await stream.next() == world.feed.changes[:2]
        after = world.feed.happen()
        world.bell.ring()
        assert await stream.next() == [after]
    stream.close()
    world.hub.unsubscribe(other)


async def test_who_is_not_let_in_leaves_nothing_behind(world: World) -> None:
    with pytest.raises(NotFound):
        await world.live.open_file(ALICE, a_record(owner="bob").id, None)
    world.files.down = True
    with pytest.raises(DatabaseUnavailable):
        await world.live.open_file(ALICE, a_record(owner="alice").id, None)
    world.feed.down = True
    with pytest.raises(DatabaseUnavailable):
        await world.live.open_all(ALICE, None)
    assert world.live.readers == 0
