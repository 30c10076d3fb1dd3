"""uvicorn's HTTP protocol with bounds on what a client may make us hold, and an end of streams."""

import asyncio
import json
import secrets
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.exceptions.errors import HeadersTooLarge
from app.routers.event_stream import ON_SHUTDOWN
from app.routers.problem_document import problem_of
from app.schemas.response.problem import MEDIA_TYPE

MAX_HEAD = 256 * 1024
"""Bytes of a request besides its body: request line, headers, framing of chunks, trailers. Proxies
allow 8 to 64 KiB of headers; JSON in chunks of 1 KiB stays below this too."""


WRITE_TIMEOUT = 30.0
"""Seconds for which a client may take nothing of what is written to it."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Ends a connection whose request has a head of more than MAX_HEAD, with 431 where it can, and
    one on which nothing can be written for WRITE_TIMEOUT."""

    _head = 0
    _stuck: asyncio.TimerHandle | None = None

    def shutdown(self) -> None:
        """The server calls it for each connection."""
        self.app_state.get(ON_SHUTDOWN, _nothing)()
        super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(WRITE_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        self._unstick()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unstick()
        super().connection_lost(exc)

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        self._head -= len(body)
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head += len(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_refusal())
            self.transport.close()
        else:
            self.transport.abort()


def _nothing() -> None:
    """For an application without streams."""


def _refusal() -> bytes:
    """RFC 6585 section 5, as a problem document like every other error."""
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    request_id = secrets.token_hex(16)
    detail = f"The headers of a request may have up to {MAX_HEAD} bytes."
    document = problem_of(HeadersTooLarge(detail), request_id)
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
