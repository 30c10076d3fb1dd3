"""The identity provider's public keys: a JWK Set (RFC 7517) fetched over HTTPS and kept.

Keys are fetched again when they are old and when a token names an unknown one, but never more
often than `MIN_INTERVAL`, so forged key ids cannot hammer the provider. While it does not answer
the keys in hand stay in use.
"""

import asyncio
import ipaddress
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
import urllib3
from jose.backends.base import Key

from app.exceptions.errors import IdentityProviderUnavailable
from app.infrastructure.download import download
from app.infrastructure.jwt_keys import Keys, published_keys

MAX_AGE = 600.0
"""Seconds until keys are fetched again: how long a withdrawn key may still verify."""
MIN_INTERVAL = 10.0
"""Seconds between two fetches, whether or not the first succeeded; longer than `TIMEOUT`."""
TIMEOUT = 3.0
"""Seconds for one fetch in all."""
MAX_BYTES = 256 * 1024
MAX_KEYS = 64

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _PublishedKey:
    kid: str | None
    keys: Keys


class Jwks:
    """The key set at `url`. `on_change` is called whenever its content has changed.

    Raises `ValueError` for a URL that is neither HTTPS nor HTTP on the loopback interface.
    """

    def __init__(
        self,
        url: str,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _require_safe(url)
        self._url = url
        self._on_change = on_change
        self._clock = clock
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1)
        self._members: list[Any] = []
        self._published: tuple[_PublishedKey, ...] = ()
        self._fetched_at = self._tried_at = -float("inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        """The keys that may have signed a token with this `alg` and `kid` (any `kid` for None).

        Empty when the provider says there is none. Raises `IdentityProviderUnavailable` when
        none is known and the provider cannot be asked: that token may well be good.
        """
        if self._clock() - self._fetched_at > MAX_AGE:
            self._start_refresh()
        found = self._known(algorithm, kid)
        if not found:
            await self._refresh()
            found = self._known(algorithm, kid)
        if not found and self._fetched_at < self._tried_at:
            raise IdentityProviderUnavailable(
                "The token's signing key is not known yet and the identity provider does not "
                "answer; try again.",
                retry_after=int(MIN_INTERVAL),
            )
        return found

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
        self._pool.clear()

    def _known(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        return tuple(
            published.keys[algorithm]
            for published in self._published
            if algorithm in published.keys and kid in (None, published.kid)
        )

    async def _refresh(self) -> None:
        """Wait for the fetch that is under way, or for one started now if it is time again."""
        self._start_refresh()
        if self._refreshing is not None:
            await asyncio.shield(self._refreshing)

    def _start_refresh(self) -> None:
        if self._clock() - self._tried_at >= MIN_INTERVAL:
            self._tried_at = self._clock()
            self._refreshing = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                body = await asyncio.to_thread(
                    download, self._pool, self._url, timeout=TIMEOUT, max_bytes=MAX_BYTES
                )
            self._replace(members_of(body))
            self._fetched_at = self._tried_at
        except Exception as error:
            _log.warning("key set not fetched", error=type(error).__name__, reason=str(error))
        finally:
            self._refreshing = None

    def _replace(self, members: list[Any]) -> None:
        if members == self._members:
            return
        self._published = tuple(_published(member) for member in members)
        self._members = members
        self._on_change()


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise ValueError("JWT_JWKS_URL must be https (http is accepted on the loopback only)")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def members_of(body: bytes) -> list[Any]:
    """The keys of a JWK Set, understood or not. Raises ValueError when it is none."""
    document = json.loads(body)
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise ValueError(f"not a JWK Set of at most {MAX_KEYS} keys")
    return members


def _published(member: Any) -> _PublishedKey:
    """RFC 7517 section 5: members that are not understood are ignored, the others stay usable."""
    try:
        kid = member.get("kid")
        return _PublishedKey(kid if isinstance(kid, str) else None, published_keys(member))
    except Exception as error:
        _log.warning("published key ignored", error=type(error).__name__)
        return _PublishedKey(None, {})
