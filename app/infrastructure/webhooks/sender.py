"""One POST to the endpoint of a webhook, in bounded time and space.

httpcore alone: it follows no redirect, keeps no cookie, and knows neither proxies nor
the environment's.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpcore

from app.domain.webhook import Outcome
from app.domain.webhook_address import AddressRule
from app.infrastructure.webhooks.network import AddressRefused, GuardedNetwork, Resolve, resolve

CONNECT_TIMEOUT = 5.0
TIMEOUT = 15.0
"""Seconds until the status of the answer, from the name's lookup on."""

DROP_TIMEOUT = 1.0
"""Seconds for the rest of the answer."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read, and thrown away, so that the connection can serve again."""

KEEP_ALIVE = 5.0
"""Seconds for which an idle connection is kept: a name that moves is looked up anew after them."""

MAX_IDLE = 20
"""Connections that are kept: httpcore asks each of them whether it still stands, for each message.
"""


class WebhookSender:
    """`connections` at once; `close` when nothing is sent any more."""

    def __init__(
        self,
        rule: AddressRule,
        *,
        connections: int,
        timeout: float = TIMEOUT,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._timeout = timeout
        self._networks = {
            "https": GuardedNetwork(rule.permits, resolve=resolve),
            "http": GuardedNetwork(rule.allows, resolve=resolve),
        }
        tls = tls or ssl.create_default_context()
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=tls,
                max_connections=connections,
                max_keepalive_connections=min(connections, MAX_IDLE),
                keepalive_expiry=KEEP_ALIVE,
                network_backend=network,
            )
            for scheme, network in self._networks.items()
        }

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()
        for network in self._networks.values():
            network.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """What the endpoint answered; what kept it from answering is told without raising."""
        try:
            return await self._post(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            return Outcome(error=f"No answer within {self._timeout:g} seconds.")
        except AddressRefused:
            return Outcome(error="The host name has no public address.")
        except httpcore.ConnectError as error:
            return Outcome(error=_connect_error(error))
        except (httpcore.NetworkError, httpcore.ProtocolError):
            return Outcome(error="The connection broke, or the answer was not HTTP.")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        scheme = url.partition(":")[0].lower()
        request = self._pools[scheme].stream(
            "POST",
            url,
            headers=list(headers.items()),
            content=body,
            extensions={"timeout": {"connect": CONNECT_TIMEOUT}},
        )
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._timeout):
                response = await stack.enter_async_context(request)
            await _drop(response)
            return _outcome(response)


async def _drop(response: httpcore.Response) -> None:
    """Read the answer to its end, unless that is far; then the connection is closed."""
    size = 0
    try:
        async with asyncio.timeout(DROP_TIMEOUT):
            async for chunk in response.aiter_stream():
                size += len(chunk)
                if size > MAX_ANSWER:
                    return
    except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        pass  # The status has said it all.


def _outcome(response: httpcore.Response) -> Outcome:
    status = response.status
    error = None
    if 300 <= status < 400:
        error = f"The endpoint answered {status}, a redirect, which is not followed."
    return Outcome(status, error, _retry_after(response))


def _retry_after(response: httpcore.Response) -> timedelta | None:
    """RFC 9110 section 10.2.3: seconds or a date; anything else counts for nothing."""
    values = [value for name, value in response.headers if name.lower() == b"retry-after"]
    if not values:
        return None
    text = values[0].decode("latin-1").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for years beyond a C int
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC), timedelta(0))


def _connect_error(error: httpcore.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The certificate does not verify: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return "The TLS handshake failed."
        cause = cause.__cause__ or cause.__context__
    return "The connection was refused."
