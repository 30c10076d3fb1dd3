"""A page deep in a long list: page 1 against page 1,000 of an owner of 1,000,000 files."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg

from app.database.config import Database
from app.repository.file_storage_repository import FileStorageRepository
from benchmarks.report import Outcome, at_most
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
    """The one target of the listing. Fills the database first, which takes half a minute."""
    shallow, deep = asyncio.run(_measure(stage.database_url))
    print(f"\n{'GET /files, repository':24}{'ms':>8}")
    print(f"{'page 1':24}{shallow:8.2f}\n{f'page {DEEP}':24}{deep:8.2f}")
    return [at_most(f"a page of {PAGE}, page {DEEP} / page 1", deep / shallow, 1.5)]


async def _measure(url: str) -> Sequence[float]:
    last_seen = await _fill(url)
    database = Database(url)
    await database.open()
    files = FileStorageRepository(database)

    def page(before: UUID | None) -> Question:
        return lambda: files.page(OWNER, status=None, policy=None, before=before, limit=PAGE)

    try:
        return await _in_turns(page(None), page(last_seen))
    finally:
        await database.close()


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
