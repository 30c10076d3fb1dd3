"""How the server is set, what holds it back, and how many connections it has room for."""

from datetime import timedelta

from app.database.engine import Connection
from app.domain.diagnosis import Finding
from app.domain.judgement.connections import Demand, Room, judge_connections
from app.domain.judgement.server import LONG, SETTINGS, judge_settings, judge_transactions
from app.repository.diagnosis.access import DatabaseAccess
from app.repository.diagnosis.work import count_workers

_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])"
_UNFROZEN = "SELECT max(age(datfrozenxid)) FROM pg_database"

# Of other roles' sessions only the superuser and members of pg_read_all_stats see backend_xid.
_OLDEST = """
SELECT now() - min(since) FROM (
    SELECT xact_start AS since FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
    UNION ALL SELECT prepared FROM pg_prepared_xacts
) AS writing
"""

# A superuser is bound by neither limit. `reserved_connections` came with PostgreSQL 16.
_ROOM = """
SELECT current_setting('max_connections')::int AS max_connections,
    current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
    (SELECT sum(numbackends)::int FROM pg_stat_database) AS in_use,
    CASE WHEN NOT rolsuper THEN nullif(rolconnlimit, -1) END AS role_limit,
    CASE WHEN NOT rolsuper THEN nullif(datconnlimit, -1) END AS database_limit
FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
"""


async def examine_settings(access: DatabaseAccess) -> list[Finding]:
    rows = await access.ask(lambda connection: connection.fetch(_SETTINGS, list(SETTINGS)))
    unfrozen = await access.ask(lambda connection: connection.fetchval(_UNFROZEN))
    return judge_settings({row["name"]: row["setting"] for row in rows}, unfrozen)


async def examine_transactions(
    access: DatabaseAccess, *, longest: timedelta = LONG
) -> list[Finding]:
    oldest: timedelta | None = await access.ask(lambda connection: connection.fetchval(_OLDEST))
    return judge_transactions(oldest, longest)


async def examine_connections(
    access: DatabaseAccess, *, api_processes: int, pool_size: int
) -> list[Finding]:
    """With the worker processes that live, one at least."""
    room = await access.ask(_room)
    workers = await count_workers(access)
    demand = Demand(
        api_processes=api_processes,
        worker_processes=max(1, workers.alive),
        pool_size=pool_size,
    )
    return judge_connections(room, demand)


async def _room(connection: Connection) -> Room:
    row = await connection.fetchrow(_ROOM)
    return Room(**dict(row or {}))
