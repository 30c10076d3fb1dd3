"""A small closed-loop HTTP load generator: keep-alive connections, each sends when answered.

Written here because the machine that runs `make bench` may have nothing but Python; it must cost
less than the server it drives, so it parses only the status and the content length.
"""

import asyncio
import itertools
import json
import math
import re
import sys
import time
from collections.abc import Iterator
from typing import cast

import uvloop

GRACE = 60.0
"""Seconds for what is under way at the end, or for one turn of all requests."""

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], until: float, expected: bytes) -> None:
        self._requests = requests
        self._until = until
        self._expected = expected
        self._buffer = b""
        self._sent_at = 0.0
        self._has_body = True
        self.latencies: list[float] = []
        self.failures = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head_end)
        end = head_end + 4 + int(length[1] if length and self._has_body else 0)
        if len(self._buffer) < end:
            return
        self._answered(self._buffer[9:12])
        self._buffer = self._buffer[end:]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.failures += 1
            self.done.set_result(None)

    def _send_next(self) -> None:
        now = time.perf_counter()
        request = next(self._requests, None) if now < self._until else None
        if request is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._sent_at = now
            self._has_body = not request.startswith(b"HEAD ")
            self._transport.write(request)

    def _answered(self, status: bytes) -> None:
        self.latencies.append(time.perf_counter() - self._sent_at)
        self.failures += status != self._expected
        self._send_next()


async def _drive(
    port: int, requests: list[bytes], seconds: float, connections: int, status: str
) -> str:
    until = time.perf_counter() + (seconds or math.inf)
    waiting = itertools.cycle(requests) if seconds else iter(requests)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: _Connection(waiting, until, status.encode()), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    protocols = [protocol for _, protocol in made]
    started = time.perf_counter()
    async with asyncio.timeout(seconds + GRACE):
        await asyncio.gather(*(protocol.done for protocol in protocols))
    took = time.perf_counter() - started
    latencies = sorted(value for protocol in protocols for value in protocol.latencies)
    failures = sum(protocol.failures for protocol in protocols)
    count = len(latencies)
    p50, p99 = latencies[count // 2] * 1000, latencies[count * 99 // 100] * 1000
    return f"{count} {count / took:.1f} {p50:.2f} {p99:.2f} {failures}"


def main() -> None:
    """`python -m benchmarks.load PORT SECONDS CONNECTIONS STATUS < REQUESTS`

    REQUESTS is a JSON array of HTTP/1.1 requests as text. They are sent over and over for SECONDS,
    each once when that is 0. Prints requests, requests per second, p50 and p99 in milliseconds,
    and answers of another status.
    """
    port, seconds, connections, status = sys.argv[1:]
    requests = [request.encode() for request in json.load(sys.stdin)]
    print(uvloop.run(_drive(int(port), requests, float(seconds), int(connections), status)))


if __name__ == "__main__":
    main()
