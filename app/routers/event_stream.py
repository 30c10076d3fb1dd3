"""A stream as an answer that goes on for as long as both sides want it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.schemas.response.stream_event import HEARTBEAT, MEDIA_TYPE, RETRY, encode
from app.service.live_hub import End
from app.service.live_stream import Stream

ON_SHUTDOWN = "slipway.on_shutdown"
"""In the state of the lifespan: what to call when the server begins to shut down.

It waits for answers under way, and ends the lifespan only after them.
"""

HEARTBEAT_EVERY = 15.0
"""Seconds; proxies end what is silent for 60. Not counted from the last event: a timer for each
event and stream would cost more than the heartbeats that it saves."""

_HEADERS = {
    "Cache-Control": "no-store",
    # https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
    "X-Accel-Buffering": "no",
}
_log = structlog.get_logger()


class EventStream(Response):
    """Sends what `stream` tells, until it ends, the client leaves or `lifetime` seconds are over.

    Without a stream there is nothing to tell: 204, upon which a browser does not come back.
    """

    media_type = MEDIA_TYPE

    def __init__(self, stream: Stream | None = None, lifetime: float = 0.0) -> None:
        self._stream = stream
        self._lifetime = lifetime
        super().__init__(status_code=200 if stream else 204, headers=_HEADERS)
        del self.headers["content-length"]  # nobody knows it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        if self._stream is None:
            await send(start)
        else:
            with _closing(self._stream):
                await send(start)
                await self._tell(self._stream, receive, send)
        await send({"type": "http.response.body", "body": b""})

    async def _tell(self, stream: Stream, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(_watch(stream, receive))
        beating = asyncio.create_task(_beat(stream))
        expiry = asyncio.get_running_loop().call_later(self._lifetime, stream.stop, End.EXPIRED)
        try:
            content = RETRY
            while content:
                await send({"type": "http.response.body", "body": content, "more_body": True})
                content = await _next(stream)
        finally:
            expiry.cancel()
            beating.cancel()
            watching.cancel()


@contextmanager
def _closing(stream: Stream) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        stream.close()
        seconds = round(time.monotonic() - began, 1)
        _log.info("stream ended", reason=stream.end, seconds=seconds)


async def _next(stream: Stream) -> bytes:
    """Empty at the end."""
    if items := await stream.next():
        return encode(items)
    return HEARTBEAT if stream.is_open else b""


async def _beat(stream: Stream) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_EVERY)
        stream.nudge()


async def _watch(stream: Stream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.stop(End.LEFT)
