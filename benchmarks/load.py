"""A small closed-loop HTTP load generator: N keep-alive connections, each sends when answered.

Written here because the machine that runs `make bench` may have nothing but Python; it must cost
less than the server it drives, so it parses only the status and the content length.
"""

import asyncio
import re
import sys
import time
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float, expected: bytes) -> None:
        self._request = request
        self._until = until
        self._expected = expected
        self._buffer = b""
        self._sent_at = 0.0
        self.latencies: list[float] = []
        self.failures = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head_end)
        end = head_end + 4 + int(length[1] if length else 0)
        if len(self._buffer) < end:
            return
        self._answered(self._buffer[9:12])
        self._buffer = self._buffer[end:]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.failures += 1
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def _answered(self, status: bytes) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self._sent_at)
        self.failures += status != self._expected
        if now < self._until:
            self._send()
        else:
            self.done.set_result(None)
            self._transport.close()


async def _drive(port: int, request: bytes, seconds: float, connections: int, status: str) -> str:
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: _Connection(request, until, status.encode()), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    protocols = [protocol for _, protocol in made]
    started = time.perf_counter()
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(protocol.done for protocol in protocols))
    took = time.perf_counter() - started
    latencies = sorted(value for protocol in protocols for value in protocol.latencies)
    failures = sum(protocol.failures for protocol in protocols)
    count = len(latencies)
    p50, p99 = latencies[count // 2] * 1000, latencies[count * 99 // 100] * 1000
    return f"{count} {count / took:.1f} {p50:.2f} {p99:.2f} {failures}"


def main() -> None:
    """`python -m benchmarks.load PORT SECONDS CONNECTIONS STATUS < request-bytes`

    Prints requests, requests per second, p50 and p99 in milliseconds, and answers of another
    status.
    """
    port, seconds, connections, status = sys.argv[1:]
    request = sys.stdin.buffer.read()
    print(uvloop.run(_drive(int(port), request, float(seconds), int(connections), status)))


if __name__ == "__main__":
    main()
