"""Somebody at a shell with `python -m app upload` and the like, and the service that they reach.

The store is behind a proxy that counts what the client sends it, and spoils it if told to.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_app
from app.settings import Settings
from tests.support.chaos import Answer, Call, ChaosProxy, Forward, Weather, fair
from tests.support.multipart import Clock, Uploader, changed, with_policies
from tests.support.processes import DEADLINE
from tests.support.service import token_for

ROOT = Path(__file__).parents[2]


class Counted:
    """An application, and how often each of its calls was made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.calls: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.calls[f"{scope['method']} {scope['path'].rpartition('/')[2]}"] += 1
        await self._app(scope, receive, send)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int | None
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What --json printed."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Shell:
    """A user at the shell, in a directory of their own."""

    directory: Path
    url: str
    proxy: ChaosProxy
    service: Counted
    clock: Clock
    user: Uploader
    env: dict[str, str] = field(default_factory=dict)

    def afresh(self, directory: Path) -> "Shell":
        """The same service for another user elsewhere, whom nothing befell yet."""
        self.proxy.weather, self.clock.offset = fair, timedelta(0)
        self.proxy.calls.clear()
        self.service.calls.clear()
        return dataclasses.replace(self, directory=directory, user=Uploader(self.user.api), env={})

    @property
    def token(self) -> str:
        return token_for(self.user.subject)

    async def start(self, *arguments: str, **more: Any) -> asyncio.subprocess.Process:
        """`python -m app ARGUMENTS` with its address and token in the environment."""
        bare = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        given = {"PYTHONPATH": str(ROOT), "SLIPWAY_URL": self.url, "SLIPWAY_TOKEN": self.token}
        state = {"XDG_STATE_HOME": str(self.directory / "state")}
        piped = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", *arguments),
            cwd=self.directory,
            env=bare | given | state | self.env,
            **({"stdin": asyncio.subprocess.DEVNULL} | piped | more),
        )

    async def run(self, *arguments: str, stdin: bytes | None = None) -> Done:
        piped = {"stdin": asyncio.subprocess.PIPE} if stdin is not None else {}
        return await ended(await self.start(*arguments, **piped), stdin)

    async def upload(self, *arguments: str, stdin: bytes | None = None) -> Done:
        """The same of `upload --json`."""
        return await self.run("upload", "--json", *arguments, stdin=stdin)

    async def files(self) -> list[dict[str, Any]]:
        """The user's records, the newest first."""
        answer = await self.user.call("GET", "/files?limit=200")
        return list(answer.json()["items"])


async def ended(process: asyncio.subprocess.Process, stdin: bytes | None = None) -> Done:
    """What a command came to; it is killed if it does not end."""
    try:
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Done(process.returncode, (out or b"").decode(), (err or b"").decode())


@asynccontextmanager
async def shell(
    settings: Settings, directory: Path, policies: str | None = None, **changes: Any
) -> AsyncIterator[Shell]:
    """A service on a port of its own, whose clients reach the store through a fair proxy."""
    (directory / "work").mkdir()
    given = [policies] if policies else []
    async with ChaosProxy(str(settings.s3_endpoint_url)) as proxy:
        behind = changed(
            with_policies(settings, directory, *given),
            s3_public_endpoint_url=proxy.url,
            **changes,
        )
        clock = Clock()
        service = Counted(create_app(behind, clock=clock))
        async with _listening(service) as url, _client(url) as http:
            yield Shell(directory / "work", url, proxy, service, clock, Uploader(http))


@asynccontextmanager
async def _listening(app: ASGIApp) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    with _unsignalled(server):
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(DEADLINE):
            while not server.started:
                assert not serving.done(), "the service did not start"
                await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@contextlib.contextmanager
def _unsignalled(server: uvicorn.Server) -> Any:
    """The signals of the test process are pytest's."""
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    yield


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE)


def part_number(call: Call) -> int | None:
    """Of a part that is sent, None of every other call."""
    numbers = call.query.get("partNumber")
    return int(numbers[0]) if numbers and call.method == "PUT" else None


class Parts:
    """Fair weather that remembers the parts that came through, `until` of them.

    Everything that is sent further hangs until the test says that it is over.
    """

    def __init__(self, until: int = sys.maxsize) -> None:
        self.stored: list[int] = []
        self._until = until
        self._admitted = 0
        self.stopped = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, call: Call, forward: Forward) -> Answer | None:
        self._admitted += 1
        if self._admitted > self._until:
            await self.over.wait()
            return None
        answer = await forward(call)
        self.stored += [number] if (number := part_number(call)) else []
        if len(self.stored) == self._until:
            self.stopped.set()
        return answer


def first(times: int, bad: Weather, then: Weather) -> Weather:
    """That weather for the first PUTs, another one for the rest."""
    seen = 0

    async def weather(call: Call, forward: Forward) -> Answer | None:
        nonlocal seen
        seen += 1
        return await (bad if seen <= times else then)(call, forward)

    return weather


def doing(action: Callable[[], object], then: Weather) -> Weather:
    """Something happens on this machine when the first byte is on its way."""
    left: Sequence[Callable[[], object]] = [action]

    async def weather(call: Call, forward: Forward) -> Answer | None:
        nonlocal left
        for act in left:
            act()
        left = []
        return await then(call, forward)

    return weather
