"""A store that misbehaves: a proxy before the real one, and the weather in which it works.

Requests reach the store byte for byte, with their Host header, so that signatures hold.
"""

import asyncio
import contextlib
import dataclasses
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import h11
import httpx

HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"expect"}
CONTINUE = h11.InformationalResponse(status_code=100, headers=[])
"""Without it botocore holds back the body of a PutObject for a second."""
ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>-</Message></Error>'

_QUERY = {
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "uploadId"): "ListParts",
    ("GET", "uploads"): "ListMultipartUploads",
}
_PLAIN = {"HEAD": "HeadObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True)
class Call:
    """A request of the service to its store."""

    method: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def operation(self) -> str:
        """S3's own name for it."""
        named = [name for (method, key), name in _QUERY.items() if self._has(method, key)]
        return named[0] if named else _PLAIN.get(self.method, self.method)

    def _has(self, method: str, key: str) -> bool:
        return method == self.method and key in self.query


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    cut: int | None = None
    """Bytes of the body after which the connection ends."""


def error(status: int, code: str) -> Answer:
    """An error as S3 tells it."""
    headers = [(b"content-type", b"application/xml")]
    return Answer(status, ERROR.format(code).encode(), headers)


Forward = Callable[[Call], Awaitable[Answer]]
Weather = Callable[[Call, Forward], Awaitable[Answer | None]]
"""What becomes of a call; None cuts its connection."""


async def fair(call: Call, forward: Forward) -> Answer | None:
    return await forward(call)


def slowing_down(share: float, seed: int, code: str = "ServiceUnavailable") -> Weather:
    """503 to that share of the calls, in an order that the seed decides."""
    chance = random.Random(seed)

    async def weather(call: Call, forward: Forward) -> Answer | None:
        return error(503, code) if chance.random() < share else await forward(call)

    return weather


def on(operation: str, weather: Weather, times: int | None = None) -> Weather:
    """That weather for calls of one operation, `times` of them; fair weather for all others."""
    seen: Counter[str] = Counter()

    async def mixed(call: Call, forward: Forward) -> Answer | None:
        seen[call.operation] += 1
        struck = call.operation == operation and (times is None or seen[operation] <= times)
        return await (weather if struck else fair)(call, forward)

    return mixed


def answering(answer: Answer) -> Weather:
    """This answer, and the store never hears of the call."""

    async def weather(call: Call, forward: Forward) -> Answer | None:
        return answer

    return weather


def denying(answer: Answer) -> Weather:
    """The store does it, and this answer says otherwise."""

    async def weather(call: Call, forward: Forward) -> Answer | None:
        await forward(call)
        return answer

    return weather


async def losing_answers(call: Call, forward: Forward) -> Answer | None:
    """The store does it, and nobody hears of that."""
    await forward(call)
    return None


async def losing_calls(call: Call, forward: Forward) -> Answer | None:
    return None


def cutting(bytes_: int) -> Weather:
    """Answers end after so many bytes of their body."""

    async def weather(call: Call, forward: Forward) -> Answer | None:
        return dataclasses.replace(await forward(call), cut=bytes_)

    return weather


async def dawdling(call: Call, forward: Forward) -> Answer | None:
    """The store does it, and answers when nobody waits any more."""
    await forward(call)
    await asyncio.sleep(3600)
    return None


class ChaosProxy:
    """HTTP/1.1 on a loopback port, one call a connection. Use as an async context manager."""

    def __init__(self, upstream: str) -> None:
        self.weather: Weather = fair
        self.calls: Counter[str] = Counter()
        self._upstream = upstream
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "ChaosProxy":
        self._http = httpx.AsyncClient(trust_env=False, verify=False, timeout=60)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._http.aclose()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        writer.transport.set_write_buffer_limits(0)  # what is drained has left us
        try:
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                await self._serve(reader, writer)
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        call = await _read(connection, reader, writer)
        if call is None:
            return
        self.calls[call.operation] += 1
        answer = await self.weather(call, self._forward)
        if answer is not None:
            await _write(connection, writer, call, answer)

    async def _forward(self, call: Call) -> Answer:
        kept = [(name, value) for name, value in call.headers if name not in HOP_BY_HOP]
        answer = await self._http.request(
            call.method,
            self._upstream,
            headers=[*kept, (b"content-length", b"%d" % len(call.body))],
            content=call.body,
            # What was signed, not what a URL parser makes of it.
            extensions={"target": call.target.encode()},
        )
        return Answer(answer.status_code, answer.content, answer.headers.raw)


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Call | None:
    request, body = None, b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(CONTINUE) or b"")
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            return None
    assert request is not None
    return Call(request.method.decode(), request.target.decode(), list(request.headers), body)


async def _write(
    connection: h11.Connection, writer: asyncio.StreamWriter, call: Call, answer: Answer
) -> None:
    length = [value for name, value in answer.headers if name.lower() == b"content-length"]
    size = length[0] if call.method == "HEAD" and length else b"%d" % len(answer.body)
    kept = [(name, value) for name, value in answer.headers if name.lower() not in HOP_BY_HOP]
    headers = [*kept, (b"content-length", size), (b"connection", b"close")]
    head = h11.Response(status_code=answer.status, headers=headers)
    body = b"" if call.method == "HEAD" else answer.body[: answer.cut]
    end = [h11.EndOfMessage()] if answer.cut is None else []
    for event in (head, h11.Data(data=body), *end):
        writer.write(connection.send(event) or b"")
    await writer.drain()
