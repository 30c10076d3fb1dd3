"""A helper that fails is left alone for a while."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from app.infrastructure.circuit_breaker import CircuitBreaker


class Helper:
    """Answers, fails or hangs, and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self.hold = threading.Event()
        self.hold.set()

    def __call__(self, answer: str) -> str:
        self.calls += 1
        self.hold.wait(60)
        if self.error:
            raise self.error
        return answer


class Rig:
    def __init__(self, deadline: float = 60.0) -> None:
        self.now = 0.0
        self.failures = 0
        self.helper = Helper()
        self.breaker = CircuitBreaker(
            "helper",
            threads=2,
            deadline=deadline,
            cooldown=5,
            on_failure=self._count,
            clock=lambda: self.now,
        )

    async def ask(self) -> str | None:
        return await self.breaker.call(self.helper, "answer")

    def close(self) -> None:
        self.helper.hold.set()
        self.breaker.close()

    def _count(self) -> None:
        self.failures += 1


@pytest.fixture
def rig() -> Iterator[Rig]:
    built = Rig()
    yield built
    built.close()


@pytest.fixture
def impatient() -> Iterator[Rig]:
    built = Rig(deadline=0.05)
    yield built
    built.close()


async def test_answers_pass_through(rig: Rig) -> None:
    assert await rig.ask() == "answer"
    assert rig.failures == 0


async def test_after_a_failure_nobody_asks_until_the_cooldown_is_over(rig: Rig) -> None:
    rig.helper.error = OSError("gone")
    assert await rig.ask() is None
    rig.now = 4.9
    assert await rig.ask() is None
    assert (rig.helper.calls, rig.failures) == (1, 1)
    rig.now = 5
    assert await rig.ask() is None
    assert (rig.helper.calls, rig.failures) == (2, 2)


async def test_when_it_is_over_one_asks_for_all(rig: Rig) -> None:
    rig.helper.error = OSError("gone")
    await rig.ask()
    rig.helper.error = None
    rig.now = 5
    rig.helper.hold.clear()
    probe = asyncio.create_task(rig.ask())
    await asyncio.sleep(0)
    assert await asyncio.gather(*(rig.ask() for _ in range(5))) == [None] * 5
    rig.helper.hold.set()
    assert await probe == "answer"
    assert await rig.ask() == "answer"
    assert rig.helper.calls == 3


async def test_what_hangs_has_failed(impatient: Rig) -> None:
    impatient.helper.hold.clear()
    assert await impatient.ask() is None
    assert impatient.failures == 1


async def test_one_warning_and_one_all_clear(rig: Rig) -> None:
    with capture_logs() as logs:
        rig.helper.error = OSError("gone")
        for rig.now in (0, 5, 10):
            await rig.ask()
        rig.helper.error = None
        for rig.now in (15, 20):
            await rig.ask()
    assert [log["log_level"] for log in logs] == ["warning", "info"]


async def test_an_answer_from_before_the_failure_does_not_mend_it(rig: Rig) -> None:
    rig.helper.hold.clear()
    early = asyncio.create_task(rig.ask())
    await asyncio.sleep(0)
    rig.helper.error = OSError("gone")
    rig.breaker._failed(OSError("gone"))
    rig.helper.error = None
    rig.helper.hold.set()
    assert await early == "answer"
    assert await rig.ask() is None
