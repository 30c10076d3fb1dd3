"""`GET /files` deep in a long list: page 1 against page 1,000 of an owner of 1,000,000 files.

`python -m benchmarks.listing` fills a database of its own, which takes about half a minute, and
prints milliseconds per page as the repository returns it; the ratio holds from machine to machine.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import asyncpg

from app.database.config import Database
from app.database.migrate import upgrade
from app.infrastructure.embedded.postgres import EmbeddedPostgres
from app.repository.file_storage_repository import FileStorageRepository

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


def measure() -> dict[str, float]:
    """`{"page_1": ms, "page_1000": ms, "ratio": page_1000 / page_1}`, medians of 100 each."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as directory:
        server = EmbeddedPostgres(Path(directory))
        try:
            url = server.start()
            upgrade(url)
            return asyncio.run(_measure(url))
        finally:
            server.stop()


async def _measure(url: str) -> dict[str, float]:
    deep = await _fill(url)
    database = Database(url)
    await database.open()
    files = FileStorageRepository(database)

    def page(before: UUID | None) -> Callable[[], Awaitable[object]]:
        return lambda: files.page(OWNER, status=None, policy=None, before=before, limit=PAGE)

    first, thousandth = await _alternating(page(None), page(deep))
    await database.close()
    return {"page_1": first, "page_1000": thousandth, "ratio": thousandth / first}


async def _fill(url: str) -> UUID:
    """Insert the files; the last id before page DEEP."""
    connection = await asyncpg.connect(url)
    await connection.execute(FILL, OWNER, FILES)
    await connection.execute("VACUUM ANALYZE files")
    cursor: UUID = await connection.fetchval(
        "SELECT id FROM files ORDER BY id DESC OFFSET $1 LIMIT 1", (DEEP - 1) * PAGE - 1
    )
    await connection.close()
    return cursor


async def _alternating(*questions: Callable[[], Awaitable[object]]) -> list[float]:
    """The median milliseconds of each, asked in turn so that a busy machine hits all alike."""
    taken: list[list[float]] = [[] for _ in questions]
    for _ in range(ROUNDS):
        for times, question in zip(taken, questions, strict=True):
            started = time.perf_counter()
            await question()
            times.append((time.perf_counter() - started) * 1000)
    return [statistics.median(times) for times in taken]


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:>10} {value:8.2f}")
