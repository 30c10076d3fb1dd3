"""How often one caller may call: slowapi's limiter over memory or Redis."""

import math
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import limits
from redis.backoff import NoBackoff
from redis.retry import Retry
from slowapi import Limiter
from slowapi.util import get_remote_address

from app.exceptions.errors import RateLimited
from app.infrastructure.circuit_breaker import CircuitBreaker
from app.infrastructure.metrics import Metrics
from app.infrastructure.rate_limit_memory import WindowStorage
from app.settings import Settings

REDIS_TIMEOUT = 0.25
"""Seconds for one socket operation; redis-py itself would wait for ever and try three times."""
REDIS_DEADLINE = 0.5
"""Seconds that a request waits for Redis in all."""
REDIS_COOLDOWN = 5.0
"""Seconds during which requests pass uncounted after Redis failed."""
REDIS_THREADS = 4

_REDIS_SCHEMES = ("redis", "rediss", "redis+unix")
_REDIS_OPTIONS: dict[str, Any] = {
    "key_prefix": "slipway:rate",
    "socket_timeout": REDIS_TIMEOUT,
    "socket_connect_timeout": REDIS_TIMEOUT,
    "retry": Retry(NoBackoff(), 0),
}


class RateLimiter:
    """Applies every limit of RATE_LIMIT (`600/minute`, several separated by `;`) to each key.

    Sliding windows: a call that is refused costs nothing. Without RATE_LIMIT_STORAGE_URL each
    worker process counts for itself, so N workers let through up to N times the limit. While
    Redis is down calls pass uncounted.

    Raises `ValueError` naming the setting that is wrong.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._limits = _parse(settings.rate_limit)
        url = settings.rate_limit_storage_url
        self._limiter = open_limiter(url.get_secret_value() if url else None)
        self._redis = _breaker(metrics) if url else None

    async def check(self, key: str, *, times: int = 1) -> None:
        """Count one call of `key`; raise `RateLimited` when that is over so many times a limit."""
        if not self._limits:
            return
        if self._redis is None:
            retry_after = self._spend(key, times)
        else:
            retry_after = await self._redis.call(self._spend, key, times) or 0
        if retry_after:
            self._metrics.rate_limited()
            raise RateLimited(
                f"Too many requests; try again in {retry_after} s.", retry_after=retry_after
            )

    async def close(self) -> None:
        if self._redis is not None:
            self._redis.close()
            storage: Any = self._limiter.limiter.storage  # the RedisStorage of limits
            storage.get_connection().close()

    def _spend(self, key: str, times: int) -> int:
        """0 when the call is allowed, otherwise whole seconds to wait."""
        strategy = self._limiter.limiter
        for each in self._limits:
            limit = each if times == 1 else type(each)(each.amount * times, each.multiples)
            if not strategy.hit(limit, key):
                reset_at, _ = strategy.get_window_stats(limit, key)
                return max(1, math.ceil(reset_at - time.time()))
        return 0


def _parse(text: str) -> Sequence[limits.RateLimitItem]:
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        parsed = limits.parse_many(text)
    except ValueError:
        parsed = []
    if not parsed or any(limit.amount < 1 for limit in parsed):
        raise ValueError(
            f"RATE_LIMIT is {text!r}: write a count and a period, such as 600/minute or "
            "10/second;600/minute, or none"
        )
    return parsed


def _breaker(metrics: Metrics) -> CircuitBreaker:
    return CircuitBreaker(
        "rate-limit-store",
        threads=REDIS_THREADS,
        deadline=REDIS_DEADLINE,
        cooldown=REDIS_COOLDOWN,
        on_failure=metrics.rate_limit_store_error,
    )


def open_limiter(url: str | None) -> Limiter:
    """Counting in the Redis at `url`, in memory without one. Raises ValueError."""
    if url is not None and urlsplit(url).scheme not in _REDIS_SCHEMES:
        raise ValueError(f"RATE_LIMIT_STORAGE_URL must start with one of {_REDIS_SCHEMES}")
    return Limiter(
        key_func=get_remote_address,
        strategy="sliding-window-counter",
        storage_uri=url or f"{WindowStorage.STORAGE_SCHEME[0]}://",
        storage_options=_REDIS_OPTIONS if url else {},
    )
