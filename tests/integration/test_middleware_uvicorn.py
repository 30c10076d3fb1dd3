"""The body limit over real sockets: what a client sees of a request that is refused half way."""

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request

from app.infrastructure.metrics import Metrics
from app.routers.body_limit import BodyLimitMiddleware
from app.routers.middleware import RequestMiddleware
from app.routers.problems import install_problem_handlers

LIMIT = 4 * 1024 * 1024
TEN_MB = 10_000_000
DEADLINE = 20.0


def application() -> FastAPI:
    app = FastAPI()

    @app.post("/")
    async def size(request: Request) -> int:
        return len(await request.body())

    install_problem_handlers(app)
    app.add_middleware(BodyLimitMiddleware, max_bytes=LIMIT)
    app.add_middleware(RequestMiddleware, metrics=Metrics())
    return app


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """Of a uvicorn in this loop."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(), log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(DEADLINE):
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


def post(port: int, body: bytes) -> tuple[int, str | None]:
    """A plain client: sends all of it, and only then reads the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("POST", "/", body)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Connection")
    finally:
        connection.close()


async def test_a_plain_client_sees_the_refusal(port: int) -> None:
    assert await asyncio.to_thread(post, port, b"x" * TEN_MB) == (413, "close")
    assert await asyncio.to_thread(post, port, b"x" * LIMIT) == (200, None)


async def test_the_refusal_does_not_wait_for_the_body(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % TEN_MB)
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413")
        writer.write(b"x" * TEN_MB)
        await writer.drain()
        await reader.read()  # to the end of the connection
    writer.close()


async def test_a_stream_is_cut_off_at_the_limit(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    writer.write(chunk * (LIMIT // 65536 + 1))
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_no_go_ahead_for_what_will_be_refused(port: int) -> None:
    """RFC 9110 section 10.1.1: a client that asks first need not send its body at all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % TEN_MB)
    async with asyncio.timeout(DEADLINE):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
    writer.close()
