"""A cable between the service and what it talks to, which a test can pull out or clog."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from tests.support.processes import free_port

Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Cable:
    """A loopback TCP forwarder to whatever `dial` connects to. Use as an async context manager."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self.port = free_port()  # which nobody takes while the cable is cut

    async def __aenter__(self) -> "Cable":
        await self.mend()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cut()
        for carrying in self._carrying:
            carrying.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def cut(self) -> None:
        """Break every connection; new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()
        self._flowing.set()  # lets the pumps of broken connections end

    async def mend(self) -> None:
        """Listen again on the same port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self._flowing.set()

    def freeze(self) -> None:
        """Keep every connection and accept new ones, but pass nothing on, as a dead network."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and all that follows."""
        self._flowing.set()

    def _connected(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # At once, not in the task: a loop that ends before the task begins would leave it open.
        self._ends.add(writer)
        if self._server is None:
            writer.transport.abort()
            return
        carrying = asyncio.create_task(self._carry(near, writer, self._server))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def _carry(
        self, near: asyncio.StreamReader, writer: asyncio.StreamWriter, uncut: asyncio.Server
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                far, far_writer = await self._dial()
                self._ends.add(far_writer)
                if uncut is self._server:
                    await asyncio.gather(self._pump(near, far_writer), self._pump(far, writer))
                far_writer.transport.abort()
                self._ends.discard(far_writer)
        finally:
            writer.transport.abort()
            self._ends.discard(writer)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        await self._flowing.wait()
        sink.transport.abort()
