"""A limit on the bodies of API calls, as plain ASGI."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.exceptions.errors import RequestTooLarge
from app.routers.problem_document import problem_response

LINGER = 2.0
"""Seconds during which the rest of a refused body is read away."""


class BodyLimitMiddleware:
    """Refuses request bodies of more than `max_bytes` before the application sees any of them.

    Starlette's own limit answers in text/plain, and only once somebody reads the body. A body
    without Content-Length is read ahead, which costs no memory that the application would not
    use itself: every body it takes is one JSON document.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = _content_length(scope)
        if length is None:
            await self._read_ahead(scope, receive, send)
        elif length <= self._max_bytes:
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, send, rest=receive)

    async def _read_ahead(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_bytes:
                await self._refuse(scope, send)
                return
        await self._app(scope, _replay(bytes(body), receive), send)

    async def _refuse(self, scope: Scope, send: Send, rest: Receive | None = None) -> None:
        """413, then the end of the connection.

        Closing a socket with unread bytes resets it, and many clients then never see the answer;
        so a rest of known length is read away first. One of unknown length might never end.
        """
        detail = f"The body of a request may have up to {self._max_bytes} bytes."
        response = problem_response(RequestTooLarge(detail), scope)
        response.headers["Connection"] = "close"
        start = {"status": response.status_code, "headers": response.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        if rest is not None:
            await _drain(rest)
        await send({"type": "http.response.body"})


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 20:
            return int(value)
    return None


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that yields `body` once and goes on with the real one."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def _drain(receive: Receive) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body", False):
                pass
