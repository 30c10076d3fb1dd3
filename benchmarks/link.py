"""A link with a delay, where the kernel's own (tc netem) may be missing."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK = 256 * 1024
WINDOW = 32
"""Chunks on their way, 8 MiB: what TCP has room for on a good line (ip-sysctl, tcp_wmem)."""


class Link:
    """Carries TCP from `port` of the loopback to another, each byte `delay` seconds late."""

    def __init__(self, to: int, delay: float) -> None:
        self._to = to
        self._delay = delay
        self.port = 0

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=4 * CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()

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
    """The port of a link to the port `to`; `round_trip` in seconds."""
    link, ready = Link(to, round_trip / 2), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(link.serve(ready, stop),))
    thread.start()
    ready.wait()
    try:
        yield link.port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
