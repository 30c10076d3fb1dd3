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
        self._flowing = asyncio.Event()
        self.port = free_port()  # which nobody takes while the cable is cut

    async def __aenter__(self) -> "Cable":
        await self.mend()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cut()

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
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self._flowing.set()

    def freeze(self) -> None:
        """Keep every connection and accept new ones, but pass nothing on, as a dead network."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and all that follows."""
        self._flowing.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uncut = self._server
        self._ends.add(writer)
        try:
            far_reader, far_writer = await self._dial()
            self._ends.add(far_writer)
            if uncut is None or uncut is not self._server:
                writer.transport.abort()
                far_writer.transport.abort()
                return
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
            self._ends.discard(far_writer)
        finally:
            self._ends.discard(writer)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        await self._flowing.wait()
        sink.transport.abort()
