"""A service behind a real socket, and readers of its streams.

httpx's transport for ASGI collects a whole answer before it returns any of it.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from app.cli.http_protocol import BoundedHttpProtocol
from app.container import Container
from app.main import create_app
from app.settings import Settings
from tests.support.service import User

DEADLINE = 60.0


@dataclass
class Served:
    """A service in this loop: a client of it, and what it is made of."""

    api: httpx.AsyncClient
    container: Container
    server: uvicorn.Server
    port: int


@asynccontextmanager
async def served(
    settings: Settings, *, shutdown_timeout: float = DEADLINE
) -> AsyncIterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    # Accepted sockets have it from this one: clients that do not read are noticed soon.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    port = listener.getsockname()[1]
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=round(shutdown_timeout),
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(DEADLINE):
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
    limits = httpx.Limits(max_connections=None)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            trust_env=False,
            verify=False,
            timeout=DEADLINE,
            limits=limits,
        ) as api:
            yield Served(api, app.state.container, server, port)
    finally:
        server.should_exit = True
        await serving


@dataclass(frozen=True)
class Event:
    """One event as a browser dispatches it; None for what is missing."""

    name: str
    id: str
    data: dict[str, Any]

    @property
    def move(self) -> tuple[str | None, str]:
        return self.data["from"], self.data["status"]


class Reader:
    """What one client sees of a stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments = 0
        self.last_id = ""
        self._lines = answer.aiter_lines()

    async def next(self) -> Event | None:
        """The next event, None at the end of the stream."""
        async with asyncio.timeout(DEADLINE):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    self.last_id = fields["id"]
                    return Event(fields["event"], fields["id"], json.loads(fields["data"]))
            return None

    async def files(self, count: int) -> list[Event]:
        """The next `count` changes of files, whatever else the stream says in between."""
        events: list[Event] = []
        while len(events) < count and (event := await self.next()):
            events += [event] if event.name == "file" else []
        return events

    async def rest(self) -> list[Event]:
        """Everything up to the end."""
        events = []
        while event := await self.next():
            events.append(event)
        return events

    async def moves(self, count: int) -> list[tuple[str | None, str]]:
        return [event.move for event in [await self.next() for _ in range(count)] if event]


@asynccontextmanager
async def following(user: User, path: str, last: str | None = None) -> AsyncIterator[Reader]:
    """A reader of the stream at `path`, after the event `last`."""
    more = {"Last-Event-ID": last} if last else {}
    async with user.api.stream("GET", path, headers=user.headers(**more)) as answer:
        if answer.status_code >= 400:
            await answer.aread()
        yield Reader(answer)
