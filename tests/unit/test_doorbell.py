"""Ringing after a commit: soon, rarely, and never in anybody's way."""

import asyncio
from collections.abc import Callable

import pytest

from app.database import doorbell
from app.database.doorbell import Doorbell
from app.exceptions.errors import DatabaseUnavailable


class Notify:
    def __init__(self) -> None:
        self.calls = 0
        self.down = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:
        self.calls += 1
        await self.may_end.wait()
        if self.down:
            raise DatabaseUnavailable("down")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "PAUSE", 0.0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.001)


async def test_many_rings_are_few_calls() -> None:
    notify = Notify()
    bell = Doorbell(notify)
    notify.may_end.clear()
    bell.ring()
    await until(lambda: notify.calls == 1)
    for _ in range(100):
        bell.ring()
        await asyncio.sleep(0)
    notify.may_end.set()
    await until(lambda: not bell.is_ringing)
    assert notify.calls == 2  # at once, and for those that rang meanwhile
    await bell.close()


async def test_it_rings_again_after_a_failure() -> None:
    notify = Notify()
    bell = Doorbell(notify)
    notify.down = True
    bell.ring()
    await until(lambda: not bell.is_ringing)
    notify.down = False
    bell.ring()
    await until(lambda: not bell.is_ringing)
    assert notify.calls == 2
    await bell.close()


async def test_closing_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    bell = Doorbell(Notify())
    bell.ring()
    await asyncio.sleep(0)
    await bell.close()
    await bell.close()
    assert asyncio.all_tasks() == before
