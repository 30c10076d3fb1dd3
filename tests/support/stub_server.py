"""A server that answers what a test tells it to, and remembers what it was asked."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Told:
    """`content` is sent as JSON unless it is bytes."""

    status: int = 200
    content: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return (
            self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        )


def refusal(status: int, code: str, **more: Any) -> Told:
    """A problem document."""
    retry = {"Retry-After": str(more.pop("retry_after"))} if "retry_after" in more else {}
    return Told(status, {"code": code, "detail": f"Told {code}.", **more}, retry)


Answering = Callable[[Asked], Told | None]
"""None cuts the connection without an answer."""


class StubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.asked: list[Asked] = []
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away; that is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: StubServer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers), body)
        self.server.asked.append(asked)
        told = self.server.answering(asked)
        if told is None:
            self.close_connection = True
            return
        self.send_response(told.status)
        for name, value in told.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 (http.server's names)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def stub_server(answering: Answering, tls: ssl.SSLContext | None = None) -> Iterator[StubServer]:
    """Listening on a loopback port of its own, with TLS if given a context."""
    server = StubServer(answering)
    if tls is not None:
        server.encrypt(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def one_after_the_other(*answers: Told | None) -> Answering:
    """These, the last of them for ever."""
    left = list(answers)

    def answering(_: Asked) -> Told | None:
        return left.pop(0) if len(left) > 1 else left[0]

    return answering
