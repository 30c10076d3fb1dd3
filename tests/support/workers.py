"""Workers on a real queue: in this process, with work of a test's own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from procrastinate import App

from app.domain.job import JobName
from app.infrastructure.metrics import Metrics
from app.worker.jobs import add_file_jobs, add_former_jobs, add_periodic_jobs
from app.worker.observation import Observer
from app.worker.queue import open_queue
from app.worker.supervisor import Supervisor
from tests.support.databases import execute

DEADLINE = 60.0

FileWork = Callable[[UUID], Awaitable[None]]


async def nothing_due() -> Mapping[str, int]:
    return {}


async def defer(url: str, *file_ids: UUID, name: str = "discard", lock: str | None = None) -> None:
    """Put a job for each file into the queue, as a change of the file does."""
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(
            """SELECT procrastinate_defer_jobs_v1(ARRAY[
                ROW('files', $1, 0, $2, NULL, jsonb_build_object('file_id', $3::text), NULL)
            ]::procrastinate_job_to_defer_v1[])""",
            [(name, lock or str(file_id), str(file_id)) for file_id in file_ids],
        )
    finally:
        await connection.close()


async def queued(url: str) -> list[dict[str, Any]]:
    """The jobs about files, in the order of their ids."""
    rows = await execute(
        url,
        "SELECT id, task_name, status::text, attempts, scheduled_at, worker_id"
        " FROM procrastinate_jobs WHERE queue_name = 'files' ORDER BY id",
    )
    return [dict(row) for row in rows]


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask until it holds; fail with `what` after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not await condition():  # noqa: ASYNC110 -- of another process's doing
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE:.0f} s: {what}") from None


@asynccontextmanager
async def working(
    url: str,
    discard: FileWork,
    *,
    sweep: Callable[[], Awaitable[Mapping[str, int]]] = nothing_due,
    metrics: Metrics | None = None,
    concurrency: int = 4,
) -> AsyncIterator[Supervisor]:
    """A worker of which `discard` jobs are that function; it is stopped at the end."""

    @asynccontextmanager
    async def open_jobs(on_failure: Callable[[], None]) -> AsyncIterator[App]:
        async with open_queue(url, statement_timeout=30, on_failure=on_failure) as app:
            add_file_jobs(app, {JobName.DISCARD: discard})
            add_periodic_jobs(app, sweep)
            add_former_jobs(app)
            yield app

    # The library complains of broken connections at length, on purpose here.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    supervisor = Supervisor(open_jobs, Observer(metrics or Metrics()), concurrency=concurrency)
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.stop()
        async with asyncio.timeout(DEADLINE):
            await running
