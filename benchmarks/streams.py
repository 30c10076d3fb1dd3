"""Live status: the time until every one of 1,000 open streams has a change, and their memory."""

import asyncio
import statistics
import time
from typing import cast

import uvloop

from benchmarks.client import Client
from benchmarks.report import Outcome, at_most
from benchmarks.servers import Server, slipway
from benchmarks.stage import Stage

STREAMS = 1000
MOVES = 30
WARM_UP = 5
OPENED_AT_ONCE = 50
TIMEOUT = 60.0


class Reader(asyncio.Protocol):
    """One stream. `ready` is set by its first event, then `arrivals` grows by one a change."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.ready = asyncio.get_running_loop().create_future()
        self.arrivals: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.arrivals += [now] * data.count(b"event: file")
        if b"event: ready" in data and not self.ready.done():
            self.ready.set_result(None)


def measure(stage: Stage) -> list[Outcome]:
    """All streams are the same owner's, so that each is told of each change."""
    room = {"MAX_STREAMS": str(STREAMS), "MAX_STREAMS_PER_OWNER": str(STREAMS)}
    with slipway(stage, **room) as server:
        delays, memory = uvloop.run(_follow(stage, server))
    p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    print(f"\nStreams: {STREAMS} open, {memory / 1024:.1f} KB each; {MOVES} changes to all of them")
    print(f"from the client's report to the event: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return [
        at_most(f"Change to {STREAMS:,} streams, p99", p99, 200.0, "ms"),
        at_most("Memory of a stream", memory / 1024, 50.0, "KB"),
    ]


async def _follow(stage: Stage, server: Server) -> tuple[list[float], float]:
    """ms from sending a report to the arrival of its event at each reader, bytes for a stream."""
    with Client(server.port, stage.token_for()) as client:
        await _change(client, await _opened(stage, server, 1), WARM_UP)
        before = server.resident()
        readers = await _opened(stage, server, STREAMS - 1)
        memory = (server.resident() - before) / len(readers)
        await _change(client, readers, WARM_UP)
        delays = await _change(client, readers, MOVES)
    return delays, memory


async def _opened(stage: Stage, server: Server, count: int) -> list[Reader]:
    head = f"GET /files/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {stage.token_for()}"
    request = f"{head}\r\n\r\n".encode()
    turn = asyncio.Semaphore(OPENED_AT_ONCE)
    loop = asyncio.get_running_loop()

    async def one() -> Reader:
        async with turn, asyncio.timeout(TIMEOUT):
            _, reader = await loop.create_connection(
                lambda: Reader(request), "127.0.0.1", server.port
            )
            await reader.ready
            return reader

    return await asyncio.gather(*(one() for _ in range(count)))


async def _change(client: Client, readers: list[Reader], count: int) -> list[float]:
    """Report `count` uploads as failed, each once the one before has reached every reader."""
    wish = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
    delays = []
    for _ in range(count):
        record = client.call("POST", "/presigned-url", wish)
        told = [len(reader.arrivals) for reader in readers]
        began = time.perf_counter()
        change = {"id": record["id"], "status": "failed"}
        await asyncio.to_thread(client.call, "PUT", "/file-status", change)
        async with asyncio.timeout(TIMEOUT):
            while any(len(r.arrivals) == n for r, n in zip(readers, told, strict=True)):  # noqa: ASYNC110 (a future for each would cost what is measured)
                await asyncio.sleep(0.01)
        delays += [(reader.arrivals[-1] - began) * 1000 for reader in readers]
    return delays
