"""The part of a worker that tells webhooks: when it looks, and what becomes of its claims."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.domain.webhook import DeliveryStatus, Outcome
from app.exceptions.errors import NotReady
from app.worker.webhooks import Deliverer
from tests.fakes.webhook_repository import AT_ONCE
from tests.support.hooks import Hooks
from tests.support.records import NOON
from tests.support.workers import until

OnWake = Callable[[], None]


class Bell:
    """What wakes a deliverer."""

    def __init__(self) -> None:
        self.heard: OnWake | None = None

    async def listen(self, on_wake: OnWake) -> None:
        self.heard = on_wake
        await asyncio.Event().wait()

    def ring(self) -> None:
        assert self.heard is not None
        self.heard()


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@asynccontextmanager
async def delivering(hooks: Hooks, bell: Bell, at_once: int = 100) -> AsyncIterator[Deliverer]:
    deliverer = Deliverer(hooks.service, bell.listen, at_once=at_once)
    task = asyncio.create_task(deliverer.run())
    try:
        yield deliverer
    finally:
        deliverer.stop()
        async with asyncio.timeout(60):
            await task


def status_is(hooks: Hooks, *statuses: DeliveryStatus) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return [delivery.status for delivery in hooks.repository.sent.values()] == list(statuses)

    return reached


async def test_it_looks_when_woken(
    hooks: Hooks, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.webhooks.LOOK", 3600)
    webhook = hooks.webhook()
    async with delivering(hooks, bell) as deliverer:
        await until(lambda: _is_well(deliverer), "it has looked")
        await hooks.repository.offer_test(webhook.id, NOON)
        bell.ring()
        await until(status_is(hooks, DeliveryStatus.DELIVERED), "it arrives")


async def test_a_lost_wake_costs_a_moment(
    hooks: Hooks, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.webhooks.LOOK", 0.01)
    webhook = hooks.webhook()
    async with delivering(hooks, bell) as deliverer:
        await until(lambda: _is_well(deliverer), "it has looked")
        await hooks.repository.offer_test(webhook.id, NOON)
        await until(status_is(hooks, DeliveryStatus.DELIVERED), "it arrives")


async def test_many_are_sent_while_each_is_sent_once(hooks: Hooks, bell: Bell) -> None:
    webhook = hooks.webhook()
    for _ in range(200):
        await hooks.repository.offer_test(webhook.id, NOON)
    async with delivering(hooks, bell):
        delivered = [DeliveryStatus.DELIVERED] * 200
        await until(status_is(hooks, *delivered), "all arrive")
    assert len(hooks.sent) == 200


async def test_without_a_database_it_is_not_ready_and_notes_later_what_it_sent(
    hooks: Hooks, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.webhooks.LOOK", 0.01)
    await hooks.repository.offer_test(hooks.webhook().id, NOON)
    gate = asyncio.Event()
    send = hooks.service._send

    async def slow(*request: object) -> object:
        answer = await send(*request)  # type: ignore[arg-type]
        await gate.wait()
        return answer

    monkeypatch.setattr(hooks.service, "_send", slow)
    async with delivering(hooks, bell) as deliverer:
        await until(lambda: _is(bool(hooks.sent)), "it is sent")
        hooks.repository.down = True
        gate.set()
        await until(lambda: _is_not_ready(deliverer), "it says so")
        hooks.repository.down = False
        await until(status_is(hooks, DeliveryStatus.DELIVERED), "it is noted")
        await deliverer.ping()
    assert len(hooks.sent) == 1


async def test_a_defect_is_a_failed_attempt_and_holds_up_no_other(hooks: Hooks, bell: Bell) -> None:
    bad, good = hooks.webhook(secret="no secret: ünïcode"), hooks.webhook()
    for webhook in (bad, good):
        await hooks.repository.offer_test(webhook.id, NOON)
    async with delivering(hooks, bell):
        pending, delivered = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED
        await until(status_is(hooks, pending, delivered), "the other arrives")
        [broken, _] = hooks.repository.sent.values()
        await until(lambda: _is(hooks.repository.sent[broken.id].attempts == 1), "it is noted")
    assert hooks.repository.sent[broken.id].error == "The service could not send it."


async def test_what_is_interrupted_is_given_back(
    hooks: Hooks, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.webhooks.STOP_TIMEOUT", 0)
    hooks.silent = True
    delivery = await hooks.repository.offer_test(hooks.webhook().id, NOON)
    async with delivering(hooks, bell):
        await until(lambda: _is(bool(hooks.sent)), "it is sent")
        assert hooks.repository.due[delivery.id] > NOON
    assert hooks.repository.due[delivery.id] == AT_ONCE
    assert hooks.repository.sent[delivery.id] == delivery


async def test_what_ends_while_it_stops_is_noted_at_once(
    hooks: Hooks, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.webhooks.STOP_TIMEOUT", 60)
    gates, send = {"https://slow": asyncio.Event(), "https://quick": asyncio.Event()}, hooks._send

    async def wait(url: str, *request: Any) -> Outcome:
        await gates[url].wait()
        return await send(url, *request)

    monkeypatch.setattr(hooks.service, "_send", wait)
    made = [await hooks.repository.offer_test(hooks.webhook(url=url).id, NOON) for url in gates]
    slow, quick = (delivery.id for delivery in made)
    async with delivering(hooks, bell) as deliverer:
        await until(lambda: _is(min(hooks.repository.due.values()) > NOON), "both are under way")
        deliverer.stop()
        gates["https://quick"].set()
        await until(lambda: _is(_has_arrived(hooks, quick)), "it is noted")
        assert not _has_arrived(hooks, slow)
        gates["https://slow"].set()
    assert _has_arrived(hooks, slow)


async def test_one_that_is_silent_leaves_room_for_others(
    hooks: Hooks, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.webhooks.STOP_TIMEOUT", 0)
    hooks.silent = True
    dead, alive = hooks.webhook(), hooks.webhook()
    for _ in range(50):
        await hooks.repository.offer_test(dead.id, NOON)
    async with delivering(hooks, bell, at_once=20):
        await until(lambda: _is(len(hooks.sent) == 2), "its share is under way")
        hooks.silent = False
        last = await hooks.repository.offer_test(alive.id, NOON)
        bell.ring()
        await until(lambda: _is(_has_arrived(hooks, last.id)), "another is told")
    assert len(hooks.sent) == 3


def _has_arrived(hooks: Hooks, delivery_id: int) -> bool:
    return hooks.repository.sent[delivery_id].status is DeliveryStatus.DELIVERED


async def _is(condition: bool) -> bool:
    return condition


async def _is_not_ready(deliverer: Deliverer) -> bool:
    return not await _is_well(deliverer)


async def _is_well(deliverer: Deliverer) -> bool:
    try:
        await deliverer.ping()
    except NotReady:
        return False
    return True
