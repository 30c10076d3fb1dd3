"""Endpoints of webhooks on loopback, which answer as a test tells them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

DEADLINE = 60.0


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """Its message, once the library of the specification has verified the signature."""
        return Webhook(secret).verify(self.body, self.headers)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def status(code: int, *headers: str) -> Answer:
    """An answer with that status, and no body."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} -", "Content-Length: 0", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())

    return answer


OK = status(204)


async def silence(writer: asyncio.StreamWriter) -> None:
    """No answer, for as long as the caller waits."""
    while not writer.is_closing():  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0.02)


async def endless(writer: asyncio.StreamWriter) -> None:
    """200 with a body that does not end; `sent` counts its bytes."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        while not writer.is_closing():
            writer.write(b"1000\r\n" + bytes(0x1000) + b"\r\n")
            await writer.drain()
    except ConnectionError:
        pass


@dataclass
class Receiver:
    """`received` are the requests in order; `answers` are used up one by one, then OK."""

    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    otherwise: Answer = OK
    connections: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def wait_for(self, count: int) -> list[Received]:
        """Once there are that many."""
        async with asyncio.timeout(DEADLINE), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                request = await _read(reader)
                answer = self.answers.pop(0) if self.answers else self.otherwise
                async with self.arrived:
                    self.received.append(request)
                    self.arrived.notify_all()
                await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(head[0].split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(scheme="https" if tls else "http")
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # by us, below; asyncio would call it an error
        finally:
            under_way.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(under_way):
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
