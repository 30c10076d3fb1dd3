"""Limits over real sockets: what a client sees of a request that is refused half way."""

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request

from app.cli.http_protocol import MAX_HEAD, BoundedHttpProtocol
from app.infrastructure.metrics import Metrics
from app.routers.body_limit import BodyLimitMiddleware
from app.routers.middleware import RequestMiddleware
from app.routers.problems import install_problem_handlers

LIMIT = 4 * 1024 * 1024
TEN_MB = 10_000_000
DEADLINE = 60.0


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
    server = uvicorn.Server(
        uvicorn.Config(application(), http=BoundedHttpProtocol, log_config=None, lifespan="off")
    )
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


async def answer_to(port: int, *pieces: bytes) -> bytes:
    """What comes back until the connection ends, however much is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                answer += data
    writer.close()
    return answer


async def test_heads_without_end_are_refused(port: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n"
    value = [b"x" * 65536] * 8
    for pieces in ([b"X-A: ", *value], [b"X-A: b\r\n" * 8192] * 8):
        answer = await answer_to(port, request, *pieces)
        # A client that goes on sending may see a reset instead of the answer.
        assert answer == b"" or b" 431 " in answer.split(b"\r\n")[0]


async def test_the_refusal_of_a_head_is_a_problem(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: "
    answer = await answer_to(port, head, b"x" * (MAX_HEAD - len(head) + 1))
    start, _, body = answer.partition(b"\r\n\r\n")
    assert b"431 Request Header Fields Too Large" in start
    assert b"application/problem+json" in start
    assert json.loads(body)["code"] == "headers_too_large"


async def test_trailers_without_end_are_cut(port: int) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    assert await answer_to(port, chunked, *[b"X-A: b\r\n" * 8192] * 8) == b""


async def test_bodies_do_not_count_as_heads(port: int) -> None:
    body = b"x" * (MAX_HEAD * 2)
    for _ in range(2):
        assert await asyncio.to_thread(post, port, body) == (200, None)
