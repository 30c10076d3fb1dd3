"""What every request passes through, as plain ASGI.

Starlette's BaseHTTPMiddleware costs more per request than everything here together.
"""

import re
import secrets
import time
from typing import Any
from uuid import UUID

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.infrastructure.logging import log_context
from app.infrastructure.metrics import UNMATCHED, Metrics

_CONTEXT = "slipway.log"
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

Headers = tuple[tuple[bytes, bytes], ...]
_HARDENING: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_API_ONLY: Headers = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_API_TYPES = frozenset({b"", b"application/json", b"application/problem+json"})
_STREAM_TYPE = b"text/event-stream"
_HSTS: Headers = ((b"strict-transport-security", b"max-age=31536000"),)


def note_owner(scope: Scope, owner: str) -> None:
    """Put the caller's subject on this request's log lines."""
    scope[_CONTEXT]["owner"] = owner


def note_file(scope: Scope, file_id: UUID) -> None:
    """Put the file's id on this request's log lines."""
    scope[_CONTEXT]["file_id"] = str(file_id)


class RequestMiddleware:
    """Gives each request its id, log context, metrics, access log line and security headers.

    `hsts` answers HTTPS requests with Strict-Transport-Security (RFC 6797).
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, hsts: bool = False) -> None:
        self._app = app
        self._metrics = metrics
        self._hsts = hsts
        self._log = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._hsts and scope["scheme"] == "https")
        scope[_CONTEXT] = context = {"request_id": exchange.request_id}
        token = log_context.set(context)
        try:
            await self._app(scope, receive, exchange.send)
        finally:
            self._finish(scope, exchange)
            log_context.reset(token)

    def _finish(self, scope: Scope, exchange: "_Exchange") -> None:
        seconds = (exchange.opened_at or time.perf_counter()) - exchange.started_at
        route = _route(scope)
        self._metrics.request(scope["method"], route, exchange.status, seconds)
        write = self._log.debug if route in _PROBES else self._log.info
        client = scope.get("client")
        write(
            "request",
            method=scope["method"],
            route=route,
            status=exchange.status,
            duration_ms=round(seconds * 1000, 2),
            client=client[0] if client else None,
        )


class _Exchange:
    """One request and the answer to it; `status` is 499 until an answer has started.

    nginx's code for a client that left: errors of ours are answered further in. `opened_at` is
    when a stream was answered, which then goes on for as long as somebody follows it.
    """

    __slots__ = ("_hsts", "_send", "opened_at", "request_id", "started_at", "status")

    def __init__(self, scope: Scope, send: Send, hsts: bool) -> None:
        self.started_at = time.perf_counter()
        self.opened_at: float | None = None
        self.status = 499
        self.request_id = _request_id(scope)
        self._send = send
        self._hsts = hsts

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._headers(message.get("headers", ()))
        await self._send(message)

    def _headers(self, headers: Any) -> list[tuple[bytes, bytes]]:
        """The handler's own headers, and ours where it has set none."""
        present = dict(headers)
        if present.get(b"content-type", b"").startswith(_STREAM_TYPE):
            self.opened_at = time.perf_counter()
        wanted = _HARDENING
        if present.get(b"content-type", b"") in _API_TYPES:
            wanted += _API_ONLY
        if self._hsts:
            wanted += _HSTS
        added = [header for header in wanted if header[0] not in present]
        return [*headers, *added, (b"x-request-id", self.request_id.encode())]


def _request_id(scope: Scope) -> str:
    """The client's X-Request-ID if it cannot garble a log or a header, else a random one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(16)


def _route(scope: Scope) -> str:
    """The template that the router chose; paths themselves may hold tokens."""
    path = getattr(scope.get("route"), "path", None)
    if path is not None:
        return str(path)
    if "app_root_path" in scope:  # set by Starlette's Mount
        mount = scope["root_path"].removeprefix(scope["app_root_path"])
        return f"{mount}/{{path}}"
    return UNMATCHED
