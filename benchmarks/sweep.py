"""A sweep that finds 1,000 ended uploads among 1,000,000 pending ones."""

import asyncio
import json
import time
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from app.container import open_container
from app.infrastructure.metrics import Metrics
from app.infrastructure.storage.client import calling_client, open_session
from app.repository import statements
from app.settings import Settings
from benchmarks.report import Outcome, at_most
from benchmarks.stage import Stage

PENDING = 1_000_000
DUE = 1_000
ARRIVED = 300
"""Of the ended ones, those whose bytes are in the store though nobody reported them."""

FILL = """
INSERT INTO files (id, owner, key, filename, type, file_size, method, policy, status,
                   created_at, updated_at, expires_at, ends_at, metadata)
SELECT uuidv7(), 'owner-' || n % 1000, 'sweep/' || n || '.txt', 'hello.txt', 'text/plain', 5,
       'PUT', 'default', 'pending', now(), now(), now(),
       now() + CASE WHEN n <= $2::int THEN -1 ELSE 1 END * (n % 1000 + 1) * interval '1 second'
             + CASE WHEN n <= $2::int THEN interval '0' ELSE interval '1 day' END, '{}'
FROM generate_series(1, $1::int) AS n
"""


def measure(stage: Stage) -> list[Outcome]:
    """Rows read to find the due ones, and the time until they are ended in record and store."""
    read = asyncio.run(_fill(stage.database_url))
    seconds = asyncio.run(_sweep(stage))
    print(f"\nSweep: {DUE:,} due of {PENDING:,} pending, {read:,} rows read, {seconds:.2f} s")
    return [
        at_most("Sweep, rows read / due", read / DUE, 1.0),
        at_most(f"Sweep, {DUE:,} due of {PENDING:,}", seconds, 30, "s"),
    ]


async def _fill(url: str) -> int:
    """Insert the records; the rows that the question for the due ones reads in all its batches."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(FILL, PENDING, DUE)
        await connection.execute("VACUUM ANALYZE files")
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statements.DUE}",
            datetime.now(UTC),
            datetime.fromtimestamp(0, UTC),
            UUID(int=0),
            PENDING,
        )
        return _rows_read(json.loads(plan)[0]["Plan"])
    finally:
        await connection.close()


def _rows_read(plan: dict[str, object]) -> int:
    """Rows that a plan's scans touch, those that a filter throws away included."""
    children = plan.get("Plans", [])
    if not isinstance(children, list) or not children:
        kept = float(str(plan["Actual Rows"])) + float(str(plan.get("Rows Removed by Filter", 0)))
        return round(kept * float(str(plan["Actual Loops"])))
    return sum(_rows_read(child) for child in children)


async def _sweep(stage: Stage) -> float:
    async with open_container(stage.settings, metrics=Metrics()) as container:
        await asyncio.to_thread(_store_some, stage.settings)
        started = time.perf_counter()
        report = await container.sweep.run()
        seconds = time.perf_counter() - started
    if (report["uploaded"], report["expired"]) != (ARRIVED, DUE - ARRIVED):
        raise RuntimeError(f"the sweep did something else: {dict(report)}")
    return seconds


def _store_some(settings: Settings) -> None:
    client = calling_client(open_session(settings), settings)
    for number in range(1, ARRIVED + 1):
        client.put_object(
            Bucket=settings.s3_bucket,
            Key=f"sweep/{number}.txt",
            Body=b"hello",
            ContentType="text/plain",
        )
    client.close()
