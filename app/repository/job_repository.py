"""The queue as operators see it, in the tables of procrastinate.

Its releases change these tables by migrations of ours (see `alembic/versions`), so what is asked of
them here changes with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.database.config import Database

COUNTED = 10_000
"""No state is counted further than this: the cost of asking stays the same however long it gets."""

_COUNTS = " UNION ALL ".join(
    f"""
    SELECT task_name, '{status}' AS status, count(*) FROM (
        SELECT task_name FROM procrastinate_jobs WHERE status = '{status}' LIMIT {COUNTED}
    ) AS counted GROUP BY task_name
    """  # noqa: S608 -- of constants
    for status in ("todo", "doing", "failed")
)

_PAGE = """
SELECT id, task_name, status, attempts, scheduled_at, args, changed_at FROM procrastinate_jobs
LEFT JOIN LATERAL (
    SELECT max(at) AS changed_at FROM procrastinate_events WHERE job_id = procrastinate_jobs.id
) AS events ON true
WHERE status = $1::procrastinate_job_status AND id > $3 ORDER BY id LIMIT $2
"""

# With as many attempts before it as a new one. The poll of the workers finds it. A queueing lock
# would keep it out of the queue, and all others with it, while another of its kind waits.
_RETRY = """
UPDATE procrastinate_jobs
SET status = 'todo', attempts = 0, scheduled_at = now(), queueing_lock = NULL
WHERE status = 'failed' AND ($1::bigint[] IS NULL OR id = ANY($1)) RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """`at`: not before then. `file_id` is None for the jobs that are not about one file.
    `changed_at` is when it came to its status.
    """

    id: int
    name: str
    status: str
    attempts: int
    at: datetime | None
    file_id: str | None
    changed_at: datetime | None


class JobRepository:
    """Every method raises `DatabaseUnavailable` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many of each name are `todo`, `doing` and `failed`; of a state at most COUNTED."""
        rows = await self._database.ask(lambda connection: connection.fetch(_COUNTS))
        return {(name, status): count for name, status, count in rows}

    async def page(self, status: str, *, limit: int, after: int = 0) -> list[QueuedJob]:
        """Up to `limit` jobs of that status with ids beyond `after`, oldest first."""
        rows = await self._database.ask(
            lambda connection: connection.fetch(_PAGE, status, limit, after)
        )
        return [_job(row) for row in rows]

    async def retry(self, ids: Sequence[int] | None) -> list[int]:
        """Put failed jobs back into the queue, all of them for None; returns which they were."""
        rows = await self._database.ask(lambda connection: connection.fetch(_RETRY, ids))
        return [row["id"] for row in rows]


def _job(row: "asyncpg.Record") -> QueuedJob:
    return QueuedJob(
        id=row["id"],
        name=row["task_name"],
        status=row["status"],
        attempts=row["attempts"],
        at=row["scheduled_at"],
        file_id=row["args"].get("file_id"),
        changed_at=row["changed_at"],
    )
