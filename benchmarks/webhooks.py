"""Webhooks to a receiver on loopback: how many a worker delivers, and how soon when it is idle."""

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import uuid_utils.compat

from app.container import Container, open_container
from app.domain.event import created, user
from app.domain.file import FileRecord, FileStatus, UploadMethod
from app.domain.principal import Principal
from app.domain.transition import moved
from app.infrastructure.metrics import Metrics
from app.repository.file_storage_repository import FileStorageRepository
from app.settings import Settings
from benchmarks.report import Outcome, at_least, at_most
from benchmarks.servers import worker
from benchmarks.stage import Stage

BACKLOG = 3000
SINGLES = 60
OWNER = Principal("bench-webhooks")
PATIENCE = 120.0
LOOPBACK = "127.0.0.0/8"

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Receiver:
    """Notes when each request arrived."""

    arrivals: list[float] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.arrivals.append(time.perf_counter())
                self.came.set()
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.arrivals) < count:
                self.came.clear()
                await self.came.wait()


def measure(stage: Stage) -> list[Outcome]:
    """Both are of moves as the service makes them, with the job in the move's own transaction."""
    rate, cpu, p50, p99 = asyncio.run(_measure(stage))
    print(
        f"\nWebhooks: {rate:.0f} deliveries/s of a backlog of {BACKLOG:,}, {cpu:.0f} µs of "
        f"the worker's CPU each; "
        f"idle, from commit to arrival p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    )
    return [
        at_least("Webhooks, deliveries of one worker", rate, 300, "/s"),
        at_most("Webhooks, commit to delivery p50", p50, 100, "ms"),
    ]


async def _measure(stage: Stage) -> tuple[float, float, float, float]:
    async with (
        _receiving() as (receiver, port),
        open_container(_allowing(stage.settings), metrics=Metrics()) as container,
    ):
        url = f"http://127.0.0.1:{port}/hook"
        await container.webhooks.create(OWNER, url=url, events=None)
        for _ in range(BACKLOG):
            await _move(container)
        with ExitStack() as stack:
            working = worker(stage, WEBHOOK_ALLOWED_NETWORKS=LOOPBACK)
            # In a thread: the receiver must answer meanwhile.
            server = await asyncio.to_thread(stack.enter_context, working)
            before, cpu = len(receiver.arrivals), server.cpu()
            await receiver.wait_for(BACKLOG)
            cpu = (server.cpu() - cpu) / (BACKLOG - before)
            rate = (BACKLOG - 1) / (receiver.arrivals[-1] - receiver.arrivals[0])
            await asyncio.sleep(1)  # until it is idle
            waits = [await _one(container, receiver) for _ in range(SINGLES)]
    return rate, cpu * 1e6, statistics.median(waits), statistics.quantiles(waits, n=100)[98]


def _allowing(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allowed_networks": (LOOPBACK,)})


async def _one(container: Container, receiver: Receiver) -> float:
    """Milliseconds from a commit to the arrival of its message."""
    before = len(receiver.arrivals)
    await _move(container)
    committed_at = time.perf_counter()
    await receiver.wait_for(before + 1)
    return (receiver.arrivals[-1] - committed_at) * 1000


async def _move(container: Container) -> None:
    """A new file, which is uploaded at once."""
    files = container.files._repository
    if not isinstance(files, FileStorageRepository):
        raise TypeError("the container has another repository")
    record = _record()
    await files.insert(record, created(record))
    after, events = moved(record, (FileStatus.UPLOADED,), user(record.owner), record.created_at)
    if not await files.move(record, after, events):
        raise RuntimeError("the file did not move")


def _record() -> FileRecord:
    file_id, now = uuid_utils.compat.uuid7(), datetime.now(UTC)
    return FileRecord(
        id=file_id,
        owner=OWNER.subject,
        key=f"webhooks/{file_id}.txt",
        filename="hello.txt",
        type="text/plain",
        file_size=5,
        method=UploadMethod.PUT,
        policy="default",
        status=FileStatus.PENDING,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(minutes=15),
        ends_at=now + timedelta(minutes=20),
    )


@asynccontextmanager
async def _receiving() -> AsyncIterator[tuple[Receiver, int]]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1")
    try:
        yield receiver, server.sockets[0].getsockname()[1]
    finally:
        server.close()
