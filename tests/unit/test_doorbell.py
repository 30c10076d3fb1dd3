"""Ringing after a commit: soon, rarely, and never in anybody's way."""

import asyncio

import pytest

from app.database import doorbell
from app.database.doorbell import Doorbell
from app.exceptions.errors import DatabaseUnavailable


class Notify:
    def __init__(self) -> None:
        self.calls = 0
        self.down = False

    async def __call__(self) -> None:
        self.calls += 1
        if self.down:
            raise DatabaseUnavailable("down")


async def test_many_rings_are_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "PAUSE", 0.01)
    notify = Notify()
    bell = Doorbell(notify)
    for _ in range(100):
        bell.ring()
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert notify.calls == 2  # at once, and for those that rang meanwhile
    await bell.close()


async def test_it_rings_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "PAUSE", 0.0)
    notify = Notify()
    bell = Doorbell(notify)
    notify.down = True
    bell.ring()
    await asyncio.sleep(0.01)
    notify.down = False
    bell.ring()
    await asyncio.sleep(0.01)
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
