"""Whether the store tells us of files, and whether we can tell others."""

from collections.abc import Sequence

import asyncpg

from app.domain.diagnosis import Finding
from app.domain.judgement.events import LOOKED_BACK, Arrival, judge_arrivals, judge_parked
from app.domain.judgement.webhooks import Troubled, judge_webhooks
from app.domain.webhook import PAUSED
from app.repository.diagnosis.access import DatabaseAccess
from app.repository.mapping import to_uuid

READ = 5_000
"""Lines at the end of the audit trail that are read."""

_ARRIVALS = f"""
SELECT actor, now() - at, files.method = 'multipart'
FROM (SELECT * FROM file_events ORDER BY id DESC LIMIT {READ}) AS newest
JOIN files ON files.id = newest.file_id
WHERE from_status = 'pending' AND to_status = 'uploaded' AND at > now() - $1::interval
ORDER BY newest.id DESC
"""  # noqa: S608 -- of constants

_PARKED = "SELECT count(*), now() - min(parked_at) FROM parked_storage_events"

_TOTAL = "SELECT count(*) FROM webhooks"

MOST = 1_000
"""Webhooks in trouble that are read: those that have been so for longest."""

_TROUBLED = f"""
SELECT id, disabled_at IS NOT NULL, coalesce(disabled_reason, 'its attempts fail'),
    now() - coalesce(disabled_at, failing_since)
FROM webhooks
WHERE disabled_at IS NOT NULL AND disabled_reason IS DISTINCT FROM $1
    OR disabled_at IS NULL AND failing_since IS NOT NULL
ORDER BY coalesce(disabled_at, failing_since), id LIMIT {MOST}
"""  # noqa: S608


async def examine_events(access: DatabaseAccess, *, ways: Sequence[str]) -> list[Finding]:
    """`ways` names the settings that let events in."""
    arrivals = await access.ask(lambda connection: connection.fetch(_ARRIVALS, LOOKED_BACK))
    parked = await access.ask(lambda connection: connection.fetchrow(_PARKED))
    return [
        *judge_arrivals(ways, [Arrival(*row) for row in arrivals]),
        *judge_parked(*(parked or (0, None))),
    ]


async def examine_webhooks(access: DatabaseAccess) -> list[Finding]:
    total = await access.ask(lambda connection: connection.fetchval(_TOTAL))
    rows = await access.ask(lambda connection: connection.fetch(_TROUBLED, PAUSED))
    return judge_webhooks(total, [_troubled(row) for row in rows])


def _troubled(row: "asyncpg.Record") -> Troubled:
    webhook_id, disabled, reason, since = row
    return Troubled(id=to_uuid(webhook_id), disabled=disabled, reason=reason, since=since)
