"""Rate limits counted in memory."""

import math
import threading
from typing import Any

import pytest

from app.exceptions.errors import RateLimited
from app.infrastructure import rate_limit_memory
from app.infrastructure.metrics import Metrics
from app.infrastructure.rate_limit import RateLimiter
from app.infrastructure.rate_limit_memory import WindowStorage
from app.settings import Settings


class Clock:
    """Stands for the module `time`, in the middle of nowhere and at the start of a window."""

    def __init__(self) -> None:
        self.now = 1_000_000_020.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    present = Clock()
    monkeypatch.setattr(rate_limit_memory, "time", present)
    monkeypatch.setattr("app.infrastructure.rate_limit.time", present)
    monkeypatch.setattr("limits.strategies.time", present)
    return present


def limiter(text: str, metrics: Metrics | None = None, **values: Any) -> RateLimiter:
    settings = Settings(_env_file=None, rate_limit=text, **values)
    return RateLimiter(settings, metrics or Metrics())


async def allowed(by: RateLimiter, key: str) -> bool:
    try:
        await by.check(key)
    except RateLimited:
        return False
    return True


async def passes(by: RateLimiter, key: str, attempts: int) -> int:
    return sum([await allowed(by, key) for _ in range(attempts)])


async def test_the_limit_and_no_more(clock: Clock) -> None:
    assert await passes(limiter("5/minute"), "alice", 9) == 5


async def test_each_key_for_itself(clock: Clock) -> None:
    by = limiter("2/minute")
    assert await passes(by, "alice", 5) == 2
    assert await passes(by, "bob", 5) == 2


async def test_refused_calls_say_when_to_come_back(clock: Clock) -> None:
    by = limiter("3/minute")
    await passes(by, "alice", 3)
    clock.now += 20.5
    with pytest.raises(RateLimited) as refused:
        await by.check("alice")
    assert refused.value.retry_after == 40
    assert "40 s" in refused.value.detail
    clock.now += refused.value.retry_after
    assert await allowed(by, "alice")


async def test_the_last_window_fades(clock: Clock) -> None:
    """No burst of twice the limit around the turn of a window."""
    by = limiter("10/minute")
    clock.now += 59
    assert await passes(by, "alice", 20) == 10
    clock.now += 1
    assert await passes(by, "alice", 20) == 0
    clock.now += 30
    assert await passes(by, "alice", 20) == 5
    clock.now += 90
    assert await passes(by, "alice", 20) == 10


async def test_refused_calls_cost_nothing(clock: Clock) -> None:
    by = limiter("10/minute")
    await passes(by, "alice", 1000)
    clock.now += 61
    assert await allowed(by, "alice")


async def test_several_limits(clock: Clock) -> None:
    by = limiter("2/second;3/minute")
    assert await passes(by, "alice", 5) == 2
    clock.now += 2
    assert await passes(by, "alice", 5) == 1


async def test_memory_holds_two_windows_and_no_thread(clock: Clock) -> None:
    by = limiter("10/minute")
    storage = by._limiter.limiter.storage
    assert isinstance(storage, WindowStorage)
    storage.timer.join()  # the base class starts one, which ends by itself
    threads = threading.active_count()
    for number in range(3000):
        await by.check(f"user-{number}")
        clock.now += 0.1
    windows = storage._windows[60]
    assert len(windows.current) + len(windows.previous) <= 1200
    assert threading.active_count() == threads


async def test_a_long_silence_forgets_everything(clock: Clock) -> None:
    by = limiter("10/minute")
    await passes(by, "alice", 10)
    clock.now += 1000
    assert await passes(by, "alice", 20) == 10


async def test_no_limit() -> None:
    by = limiter("")
    assert await passes(by, "alice", 100) == 100
    await by.close()


async def test_refusals_are_counted(clock: Clock) -> None:
    metrics = Metrics()
    await passes(limiter("2/minute", metrics), "alice", 5)
    assert b"slipway_rate_limited_total 3.0" in metrics.expose()[0]


@pytest.mark.parametrize(
    "text", ["x", "600", "600/", "/minute", "600/fortnight", "0/minute", "-1/minute", "5/minute;x"]
)
def test_limits_that_make_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match=r"RATE_LIMIT is .*600/minute"):
        limiter(text)


@pytest.mark.parametrize("text", ["600/minute", "10 per hour", "1/second;600/minute", "5/2 hours"])
def test_limits_that_do(text: str) -> None:
    assert limiter(text)


def test_a_store_of_another_kind() -> None:
    with pytest.raises(ValueError, match="RATE_LIMIT_STORAGE_URL must start with") as refused:
        limiter("5/minute", rate_limit_storage_url="memcached://user:hunter2@cache")
    assert "hunter2" not in str(refused.value)


async def test_the_storage_is_the_one_that_limits_describes(clock: Clock) -> None:
    """The four numbers of `get_sliding_window`, as the base class would give them."""
    storage = WindowStorage()
    storage.timer.join()
    for _ in range(3):
        storage.acquire_sliding_window_entry("k", 10, 60)
    clock.now += 75
    storage.acquire_sliding_window_entry("k", 10, 60)
    previous, fading, current, living = storage.get_sliding_window("k", 60)
    assert (previous, current) == (3, 1)
    assert math.isclose(fading, 45)
    assert math.isclose(living, 105)
