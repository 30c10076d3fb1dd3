"""Whether the Redis of RATE_LIMIT_STORAGE_URL counts."""

import asyncio
import time
from typing import Any

import limits
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.domain.diagnosis import Finding, Remedy, ok, warning
from app.infrastructure.rate_limit import REDIS_TIMEOUT, open_limiter
from app.settings import Settings

NOT_IN_USE = "Not in use: RATE_LIMIT_STORAGE_URL is not set, each process counts for itself."

_PLENTY = limits.parse("1000000/minute")
_WHY = "Calls pass uncounted: RATE_LIMIT does not hold."
_MARK = "slipway-doctor"

_CAUSES: tuple[tuple[type[Exception], str, str], ...] = (
    (
        AuthenticationError,
        "Redis refuses the password.",
        "Mend RATE_LIMIT_STORAGE_URL: redis://user:password@host:6379/0.",
    ),
    (
        NoPermissionError,
        "Redis does not let this user count.",
        "Allow it the keys slipway:rate* and the commands of scripts (ACL SETUSER … ~slipway:rate* "
        "+@scripting +@read +@write +@connection).",
    ),
    (
        ReadOnlyError,
        "Redis takes no writes: it is a replica.",
        "Let RATE_LIMIT_STORAGE_URL lead to the primary.",
    ),
    (
        RedisTimeoutError,
        f"Redis does not answer within {REDIS_TIMEOUT:g} s.",
        "See how busy it is, and run it near the service.",
    ),
    (
        RedisConnectionError,
        "Nothing answers as Redis there.",
        "Start it, or mend RATE_LIMIT_STORAGE_URL; rediss:// where it speaks TLS.",
    ),
)


async def examine_rate_limit_store(settings: Settings) -> list[Finding]:
    """Counts one call of nobody, as the service counts calls."""
    url = settings.rate_limit_storage_url
    if url is None:
        return [ok(NOT_IN_USE)]
    try:
        seconds = await asyncio.to_thread(_count, url.get_secret_value())
    except (RedisError, OSError) as error:
        return [_explain(error)]
    return [ok(f"Redis counts, in {seconds * 1000:.1f} ms.")]


def _count(url: str) -> float:
    strategy = open_limiter(url).limiter
    storage: Any = strategy.storage  # the RedisStorage of limits
    try:
        strategy.hit(_PLENTY, _MARK)  # connects, and loads the scripts
        started = time.perf_counter()
        strategy.hit(_PLENTY, _MARK)
        return time.perf_counter() - started
    finally:
        storage.get_connection().close()


def _explain(error: Exception) -> Finding:
    """redis-py's errors quote what was sent at times: only their kind is shown."""
    for kind, what, text in _CAUSES:
        if isinstance(error, kind):
            return warning(what, why=_WHY, remedy=Remedy(text=text))
    what = f"Redis refuses to count ({type(error).__name__})."
    return warning(what, why=_WHY, remedy=Remedy(text="See Redis's own log."))
