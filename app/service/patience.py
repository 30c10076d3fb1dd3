"""How long one call goes on with its items while what it needs is down or slow."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.exceptions.errors import RetryableError, SlipwayError, StorageUnavailable

OUTAGES = 3
"""So many items in a row without an answer, and no other is begun: the one object that the store
does not show (a key, a policy) must not hold up the rest."""
LONGEST = 30.0
"""Seconds, after which no other item is begun. An item takes S3_TIMEOUT and DATABASE_TIMEOUT at
most, so that a call is answered within a minute, as proxies expect by default:
https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout"""


class Patience:
    """That of one call, for all its items."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until = now() + LONGEST
        self._outages = 0

    @asynccontextmanager
    async def tried(self) -> AsyncIterator[None]:
        """Around an item. Raises `StorageUnavailable` when patience has ended, and what the item
        raises."""
        self._check()
        try:
            yield
        except RetryableError as error:
            self._outages += 1
            self._last = error
            raise
        except SlipwayError:
            self._outages = 0
            raise
        self._outages = 0

    def _check(self) -> None:
        if self._outages >= OUTAGES:
            raise self._last
        if self._now() >= self._until:
            raise StorageUnavailable(
                "The store is too slow for so many files in one call; report this one again."
            )
