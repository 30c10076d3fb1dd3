"""One keep-alive connection that calls one thing after another."""

import json
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self

TIMEOUT = 30.0


class Client:
    """Calls what listens on `port` of the loopback, with a bearer token if there is one."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self._token: dict[str, str] = {"Authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> bytes:
        """The body of the answer; RuntimeError unless its status is a success."""
        self._connection.request(method, target, body, headers | self._token)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} answered {answer.status}: {content[:500]!r}")
        return content

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The same with JSON both ways."""
        content = b"" if body is None else json.dumps(body).encode()
        return json.loads(self.send(method, path, content, {"Content-Type": "application/json"}))
