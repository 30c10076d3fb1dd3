"""A page deep in a long list: page 1 against page 1,000 of an owner of 1,000,000 files."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg

from app.database.config import Database
from app.repository.file_storage_repository import FileStorageRepository
from app.schemas.cursor import encode_file_cursor
from benchmarks.client import Client
from benchmarks.report import Outcome, at_most
from benchmarks.servers import slipway
from benchmarks.stage import Stage

FILES = 1_000_000
PAGE = 50
DEEP = 1_000
ROUNDS = 100
OWNER = "owner-of-a-million"

FILL = """
INSERT INTO files (id, owner, key, filename, type, file_size, method, policy, status,
                   created_at, updated_at, expires_at, ends_at, metadata)
SELECT uuidv7(), $1, 'uploads/2026/11/21/' || n || '.png', 'cat.png', 'image/png', 12345, 'PUT',
       'default', (ARRAY['pending', 'uploaded', 'completed', 'failed'])[1 + n % 4],
       now(), now(), now(), now(), '{}'
FROM generate_series(1, $2::int) AS n
"""

AFTER_THIS = "SELECT id FROM files WHERE owner = $1 ORDER BY id DESC OFFSET $2 LIMIT 1"

Question = Callable[[], Awaitable[object]]


def measure(stage: Stage) -> list[Outcome]:
    """The target of the listing, in the repository and as clients see it.

    Fills the database first, which takes half a minute.
    """
    last_seen = asyncio.run(_fill(stage.database_url))
    taken = {
        "repository": asyncio.run(_in_repository(stage.database_url, last_seen)),
        "HTTP": asyncio.run(_over_http(stage, last_seen)),
    }
    print(f"\n{'GET /files, ms':16}{'page 1':>10}{f'page {DEEP:,}':>12}")
    return [_compare(way, *times) for way, times in taken.items()]


def _compare(way: str, shallow: float, deep: float) -> Outcome:
    print(f"{way:16}{shallow:10.2f}{deep:12.2f}")
    return at_most(f"GET /files ({way}), page {DEEP:,} / page 1", deep / shallow, 1.5)


async def _in_repository(url: str, last_seen: UUID) -> Sequence[float]:
    database = Database(url)
    await database.open()
    files = FileStorageRepository(database)

    def page(before: UUID | None) -> Question:
        return lambda: files.page(OWNER, status=None, policy=None, before=before, limit=PAGE)

    try:
        return await _in_turns(page(None), page(last_seen))
    finally:
        await database.close()


async def _over_http(stage: Stage, last_seen: UUID) -> Sequence[float]:
    first = f"/files?limit={PAGE}"
    with slipway(stage) as server, Client(server.port, stage.token_for(OWNER)) as client:

        def page(path: str) -> Question:
            return lambda: asyncio.to_thread(client.call, "GET", path)

        return await _in_turns(page(first), page(f"{first}&cursor={encode_file_cursor(last_seen)}"))


async def _fill(url: str) -> UUID:
    """Insert the files; the last id before page DEEP."""
    connection = await asyncpg.connect(url)
    await connection.execute(FILL, OWNER, FILES)
    await connection.execute("VACUUM ANALYZE files")
    last_seen: UUID = await connection.fetchval(AFTER_THIS, OWNER, (DEEP - 1) * PAGE - 1)
    await connection.close()
    return last_seen


async def _in_turns(*questions: Question) -> list[float]:
    """The median milliseconds of each, asked in turns because machines drift."""
    taken: list[list[float]] = [[] for _ in questions]
    for _ in range(ROUNDS):
        for times, question in zip(taken, questions, strict=True):
            started = time.perf_counter()
            await question()
            times.append((time.perf_counter() - started) * 1000)
    return [statistics.median(times) for times in taken]
