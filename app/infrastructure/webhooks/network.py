"""Connections that lead to no address but those that are permitted.

A name is resolved for each connection, or for several that are made meanwhile, every address it has
must be permitted, and the connection goes to one of these very addresses: a name that leads
elsewhere a moment later (DNS rebinding) leads nowhere. TLS still verifies the name.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import httpcore

from app.domain.webhook_address import Address

MAX_LOOKUPS = 32
"""Names looked up at once, each by one thread: the resolver blocks it for as long as it cares to,
long after whoever asked has given up."""

Resolve = Callable[[str, int], list[str]]
"""The addresses of a name. Raises OSError. Blocks."""


class AddressRefused(httpcore.ConnectError):
    """The name has no address, or one that is not permitted: which of the two is not told, or
    webhooks would tell strangers what the names of our network lead to."""


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver, without duplicates, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """`permits` decides of each address; `close` when no connection is made any more."""

    def __init__(self, permits: Callable[[Address], bool], *, resolve: Resolve = resolve) -> None:
        self._permits = permits
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()
        self._threads = ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="webhook-names")
        self._lookups: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- as httpcore calls it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `AddressRefused`, and httpcore's own errors."""
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(await self._addresses(host, port), port)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.shield(self._lookup(host, port))
        except (OSError, UnicodeError):
            raise AddressRefused from None
        if not found or not all(self._permits(ip_address(address)) for address in found):
            raise AddressRefused
        return found

    def _lookup(self, host: str, port: int) -> asyncio.Future[list[str]]:
        """The one under way, or a new one."""
        name = (host, port)
        if name not in self._lookups:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._threads, self._resolve, host, port)
            self._lookups[name] = lookup
            lookup.add_done_callback(lambda _: self._ended(name))
        return self._lookups[name]

    def _ended(self, name: tuple[str, int]) -> None:
        lookup = self._lookups.pop(name)
        if not lookup.cancelled():
            lookup.exception()  # Whoever asked may have given up: asyncio would complain.

    async def _connect(self, addresses: list[str], port: int) -> httpcore.AsyncNetworkStream:
        *earlier, last = addresses
        for address in earlier:
            try:
                return _Stream(await self._inner.connect_tcp(address, port))
            except httpcore.ConnectError:
                continue
        return _Stream(await self._inner.connect_tcp(last, port))


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that is closed when its handshake is given up.

    httpcore closes one whose handshake fails, but not one whose handshake is cancelled.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
