"""Rate limits shared through Redis, and life without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.exceptions.errors import RateLimited
from app.infrastructure import rate_limit as module
from app.infrastructure.metrics import Metrics
from app.infrastructure.rate_limit import RateLimiter
from app.settings import Settings
from tests.support.redis_server import RedisServer, require_redis


class Clock:
    """The real one, and the time that a test need not wait for."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that is there answers in the end, however busy the machine."""
    for name in ("socket_timeout", "socket_connect_timeout"):
        monkeypatch.setitem(module._REDIS_OPTIONS, name, 60.0)
    monkeypatch.setattr(module, "REDIS_DEADLINE", 60.0)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    require_redis()
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest_asyncio.fixture
async def limiter(redis: RedisServer, metrics: Metrics) -> AsyncIterator[RateLimiter]:
    by = _limiter(redis, metrics)
    yield by
    await by.close()


def _limiter(redis: RedisServer, metrics: Metrics, text: str = "5/minute") -> RateLimiter:
    settings = Settings(_env_file=None, rate_limit=text, rate_limit_storage_url=redis.url)
    return RateLimiter(settings, metrics)


def _clock_of(limiter: RateLimiter) -> Clock:
    assert limiter._redis is not None
    clock = Clock()
    limiter._redis._clock = clock
    return clock


async def passes(by: RateLimiter, key: str, attempts: int) -> int:
    """How many of so many simultaneous calls get through."""
    calls = [by.check(key) for _ in range(attempts)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(result is None or isinstance(result, RateLimited) for result in results)
    return results.count(None)


def errors_of(metrics: Metrics) -> float:
    line = next(
        line
        for line in metrics.expose()[0].decode().splitlines()
        if line.startswith("slipway_rate_limit_store_errors_total")
    )
    return float(line.split()[1])


async def test_two_processes_share_one_limit(redis: RedisServer, metrics: Metrics) -> None:
    first, second = _limiter(redis, metrics), _limiter(redis, metrics)
    together = await asyncio.gather(passes(first, "alice", 10), passes(second, "alice", 10))
    assert sum(together) == 5
    assert errors_of(metrics) == 0
    with pytest.raises(RateLimited) as refused:
        await second.check("alice")
    assert 1 <= refused.value.retry_after <= 60
    await first.close()
    await second.close()


async def test_without_redis_requests_pass_and_the_log_says_so_once(
    redis: RedisServer, limiter: RateLimiter, metrics: Metrics
) -> None:
    clock = _clock_of(limiter)
    assert await passes(limiter, "alice", 20) == 5
    redis.kill()
    with capture_logs() as logs:
        assert await passes(limiter, "alice", 20) == 20
        failed = errors_of(metrics)
        assert await passes(limiter, "alice", 20) == 20
        assert errors_of(metrics) == failed  # nobody asks while the breaker is open
        clock.ahead += module.REDIS_COOLDOWN
        assert await passes(limiter, "alice", 20) == 20
        assert errors_of(metrics) == failed + 1  # one probe for all
    assert [(log["log_level"], log["helper"]) for log in logs] == [("warning", "rate-limit-store")]


async def test_redis_comes_back(redis: RedisServer, limiter: RateLimiter) -> None:
    clock = _clock_of(limiter)
    await passes(limiter, "alice", 20)
    redis.kill()
    await passes(limiter, "alice", 20)
    redis.start()
    clock.ahead += module.REDIS_COOLDOWN
    with capture_logs() as logs:
        await limiter.check("alice")
    assert [log["event"] for log in logs] == ["helper is back"]
    assert await passes(limiter, "alice", 20) == 4


async def test_a_frozen_redis_does_not_hold_up_the_loop(
    redis: RedisServer, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._REDIS_OPTIONS, "socket_timeout", module.REDIS_TIMEOUT)
    limiter = _limiter(redis, metrics)
    redis.freeze()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count_turns())
    assert await passes(limiter, "alice", 100) == 100
    counting.cancel()
    # Waiting for Redis takes a quarter of a second at least: a blocked loop would turn once.
    assert turns > 2
    assert errors_of(metrics) >= 1
    assert await passes(limiter, "alice", 100) == 100
    redis.thaw()
    await limiter.close()


async def test_a_redis_that_was_never_there(metrics: Metrics) -> None:
    by = _limiter(RedisServer(), metrics)
    await by.check("alice")
    assert errors_of(metrics) == 1
    await by.close()


async def test_redis_forgets_by_itself(redis: RedisServer, metrics: Metrics) -> None:
    by = _limiter(redis, metrics, "5/second")
    await by.check("alice")
    storage = by._limiter.limiter.storage
    client = storage.get_connection()
    keys = client.keys("*")
    assert keys
    assert all(key.startswith(b"slipway:rate:") and client.ttl(key) >= 0 for key in keys)
    client.close()
    await by.close()
