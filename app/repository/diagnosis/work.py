"""Workers, their jobs and their sweeps, in the tables of procrastinate."""

from app.database.engine import Connection
from app.domain.diagnosis import Finding
from app.domain.judgement.work import (
    COUNTED,
    OVERDUE,
    SILENT_AFTER,
    Sweeps,
    Waiting,
    Workers,
    judge_backlog,
    judge_failed,
    judge_retried,
    judge_sweeps,
    judge_workers,
)
from app.repository.diagnosis.access import DatabaseAccess

_WORKERS = """
SELECT count(*) FILTER (WHERE last_heartbeat > now() - $1::interval), now() - max(last_heartbeat)
FROM procrastinate_workers
"""

# The first of each lock: the others wait for it, however long. When a job was put into the queue
# stands in its first event alone. Periodic jobs are not counted: one of each waits at most.
_WAITING = f"""
WITH oldest AS (
    SELECT * FROM procrastinate_jobs WHERE status IN ('todo', 'doing') ORDER BY id LIMIT {COUNTED}
), ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY coalesce(lock, 'job ' || id) ORDER BY status = 'doing' DESC, priority DESC, id
    ) AS place FROM oldest
)
SELECT task_name, count(*), max(now() - coalesce(scheduled_at, (
    SELECT min(at) FROM procrastinate_events WHERE job_id = ranked.id
), now()))
FROM ranked
WHERE place = 1 AND status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
    AND queue_name <> 'maintenance'
GROUP BY task_name ORDER BY task_name
"""  # noqa: S608 -- of constants

_FAILED = f"""
SELECT task_name, count(*) FROM (
    SELECT task_name FROM procrastinate_jobs WHERE status = 'failed' LIMIT {COUNTED}
) AS counted GROUP BY task_name ORDER BY task_name
"""  # noqa: S608

SEVERAL = 5
"""Attempts after which a job's failing is more than a hiccup: two and a half minutes of them."""

_RETRIED = f"""
SELECT count(*) FROM (
    SELECT FROM procrastinate_jobs
    WHERE status = 'todo' AND attempts >= $1 LIMIT {COUNTED}
) AS counted
"""  # noqa: S608

_SWEEPS = f"""
SELECT
    (SELECT now() - to_timestamp(max(defer_timestamp)) FROM procrastinate_periodic_defers
        WHERE task_name = 'sweep') AS begun,
    EXISTS (SELECT FROM procrastinate_jobs WHERE task_name = 'sweep'
        AND status IN ('todo', 'doing')) AS waits,
    (SELECT count(*) FROM (
        SELECT FROM files WHERE status = 'pending' AND deleted_at IS NULL
            AND ends_at < now() - $1::interval LIMIT {COUNTED}
    ) AS counted) AS overdue_files,
    (SELECT count(*) FROM (
        SELECT FROM files WHERE remove_at < now() - $1::interval LIMIT {COUNTED}
    ) AS counted) AS overdue_removals
"""  # noqa: S608


async def count_workers(access: DatabaseAccess) -> Workers:
    row = await access.ask(lambda connection: connection.fetchrow(_WORKERS, SILENT_AFTER))
    return Workers(*(row or (0, None)))


async def examine_workers(access: DatabaseAccess, *, production: bool) -> list[Finding]:
    workers = await count_workers(access)
    waiting = await access.ask(_waiting)
    return judge_workers(workers, bool(waiting), production)


async def examine_jobs(access: DatabaseAccess) -> list[Finding]:
    waiting = await access.ask(_waiting)
    failed = await access.ask(lambda connection: connection.fetch(_FAILED))
    retried = await access.ask(lambda connection: connection.fetchval(_RETRIED, SEVERAL))
    return [
        judge_backlog(waiting),
        *judge_failed([(name, count) for name, count in failed]),
        *judge_retried(retried),
    ]


async def examine_sweeps(access: DatabaseAccess) -> list[Finding]:
    alive = (await count_workers(access)).alive
    row = await access.ask(lambda connection: connection.fetchrow(_SWEEPS, OVERDUE))
    return judge_sweeps(Sweeps(**dict(row or {})), alive)


async def _waiting(connection: Connection) -> list[Waiting]:
    return [Waiting(*row) for row in await connection.fetch(_WAITING)]
