"""A link with a delay, where the kernel's own (tc netem) may be missing."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvloop

from benchmarks.servers import STOP_TIMEOUT, child_environment, launcher

CHUNK = 256 * 1024
WINDOW = 32
"""Chunks on their way, 8 MiB: what TCP has room for on a good line (ip-sysctl, tcp_wmem)."""


class Link:
    """Carries TCP from one port of the loopback to another, each byte `delay` seconds late."""

    def __init__(self, to: int, delay: float) -> None:
        self._to = to
        self._delay = delay

    async def serve(self) -> None:
        """Print the port, then carry until cancelled."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=4 * CHUNK)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self._to, limit=4 * CHUNK)
        await asyncio.gather(self._one_way(near, forth), self._one_way(far, back))

    async def _one_way(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WINDOW)
        loop = asyncio.get_running_loop()

        async def depart() -> None:
            data = b"-"
            while data:
                data = await source.read(CHUNK)
                await travelling.put((loop.time() + self._delay, data))

        async def arrive() -> None:
            while True:
                due, data = await travelling.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    return
                sink.write(data)
                await sink.drain()

        with suppress(OSError):
            await asyncio.gather(depart(), arrive())
        sink.close()


@contextmanager
def delayed(to: int, round_trip: float) -> Iterator[int]:
    """The port of a link to the port `to`; `round_trip` in seconds.

    In a process of its own: no line waits for what else we do.
    """
    ours = [sys.executable, "-m", __name__, str(to), str(round_trip / 2)]
    process = subprocess.Popen(
        [*launcher(), *ours], env=child_environment({}), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=STOP_TIMEOUT)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(Link(int(sys.argv[1]), float(sys.argv[2])).serve())
