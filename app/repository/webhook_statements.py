# ruff: noqa: S608 -- what is put into the texts is column names and expressions of ours
"""SQL for webhooks, with asyncpg's numbered parameters. Each statement is one transaction."""

from app.database.models import WebhookDeliveryModel, WebhookModel
from app.domain.webhook import TEST

QUEUE = "webhooks"
"""The queue of the jobs that deliver."""

TASK = "deliver"

EVENT_NAME = """
    CASE WHEN event = 'deleted' THEN 'file.deleted'
         WHEN from_status IS NOT NULL THEN 'file.' || to_status END
"""
"""What webhooks are told of a line of the audit trail; NULL where they are told nothing."""

WEBHOOK_COLUMNS = tuple(column.name for column in WebhookModel.ormar_config.table.columns)
DELIVERY_COLUMNS = tuple(
    column.name
    for column in WebhookDeliveryModel.ormar_config.table.columns
    if column.name != "event_id"
)
FILE_FACTS = ("owner", "key", "filename", "type", "file_size", "policy", "metadata")
"""Columns of a file that never change: what is told of it is the same at every attempt."""
EVENT_FACTS = ("at", "actor", "from_status", "to_status", "detail")

_WEBHOOK = ", ".join(WEBHOOK_COLUMNS)
_DELIVERY = ", ".join(DELIVERY_COLUMNS)
MUTABLE_WEBHOOK_COLUMNS = tuple(
    n for n in WEBHOOK_COLUMNS if n not in ("id", "owner", "created_at")
)
ATTEMPT_COLUMNS = (
    "status",
    "attempts",
    "attempted_at",
    "next_attempt_at",
    "response_status",
    "error",
)


def offering(source: str, file_id: str, owner: str) -> str:
    """The query that notes, for each event in `source`, its delivery to whoever wants it.

    For each webhook in the order of `source`: there is nothing to join on but by nested loops.
    """
    return f"""
    INSERT INTO webhook_deliveries (webhook_id, event_id, file_id, event, created_at)
    SELECT webhooks.id, {source}.id, {file_id}, {source}.name, {source}.at
    FROM webhooks, {source}
    WHERE (webhooks.owner = {owner} OR webhooks.owner IS NULL)
        AND webhooks.disabled_at IS NULL AND {source}.name IS NOT NULL
        AND (webhooks.events IS NULL OR webhooks.events ? {source}.name)
    RETURNING id, webhook_id, coalesce(file_id, message_id) AS about
    """


def deferring(source: str) -> str:
    """The query that defers a job for each row of `source`, in their order.

    A later job waits while one with its lock is under way or to be tried again: a webhook is told
    of a file's moves in their order. Without rows the queue is not touched.
    """
    return f"""
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW('{QUEUE}', '{TASK}', 0, {_lock(source)}, NULL,
            json_build_object('delivery_id', id), NULL)
        ::procrastinate_job_to_defer_v1
    )) FROM {source} HAVING count(*) > 0
    """


def _lock(row: str) -> str:
    return f"{row}.webhook_id || ':' || {row}.about"


def _numbered(first: int, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = ${number}" for number, name in enumerate(names, first))


_VISIBLE = "(owner = $1 OR ($2 AND owner IS NULL))"
"""Of this owner, or also the service-wide ones."""

LOCK_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1, 0))"
"""Those who count an owner's webhooks do so one after the other."""

COUNT = "SELECT count(*) FROM webhooks WHERE owner IS NOT DISTINCT FROM $1"
ADD = f"""
INSERT INTO webhooks ({_WEBHOOK})
VALUES ({", ".join(f"${number}" for number in range(1, 1 + len(WEBHOOK_COLUMNS)))})
"""
LIST = f"SELECT {_WEBHOOK} FROM webhooks WHERE {_VISIBLE} ORDER BY id"
FIND = f"SELECT {_WEBHOOK} FROM webhooks WHERE {_VISIBLE} AND id = $3"
REMOVE = "DELETE FROM webhooks WHERE id = $1 RETURNING true"

REPLACE = f"""
UPDATE webhooks SET {_numbered(3, MUTABLE_WEBHOOK_COLUMNS)}
WHERE id = $1 AND version = $2 RETURNING true
"""
"""Compare and set: id, version before; the columns that `mutable_values` gives."""

DELIVERIES = f"""
SELECT {_DELIVERY} FROM webhook_deliveries WHERE webhook_id = $1 AND id < $2
ORDER BY id DESC LIMIT $3
"""

OFFER_TEST = f"""
WITH offered AS (
    INSERT INTO webhook_deliveries (webhook_id, event, created_at) VALUES ($1, '{TEST}', $2)
    RETURNING *, coalesce(file_id, message_id) AS about
), sent AS ({deferring("offered")})
SELECT {_DELIVERY}, (SELECT count(*) FROM sent) FROM offered
"""

REPLAY = f"""
WITH again AS (
    UPDATE webhook_deliveries SET status = 'pending', attempts = 0, next_attempt_at = NULL
    WHERE webhook_id = $1 AND message_id = $2
    RETURNING *, coalesce(file_id, message_id) AS about
), hurried AS (
    UPDATE procrastinate_jobs SET scheduled_at = NULL FROM again
    WHERE procrastinate_jobs.status = 'todo' AND lock = {_lock("again")}
    RETURNING args ->> 'delivery_id' AS delivery_id
), lost AS (
    SELECT * FROM again
    WHERE NOT EXISTS (SELECT FROM hurried WHERE hurried.delivery_id = again.id::text)
), sent AS ({deferring("lost")})
SELECT {_DELIVERY}, (SELECT count(*) FROM sent) FROM again
"""
"""From its first attempt on, now. One that waits for its next attempt has a job, which is hurried
with those before it; for another one there is a new job."""

_OUTGOING = ", ".join(
    [f"webhook_deliveries.{name} AS delivery_{name}" for name in DELIVERY_COLUMNS]
    + [f"webhooks.{name} AS webhook_{name}" for name in WEBHOOK_COLUMNS]
    + [f"files.{name} AS file_{name}" for name in FILE_FACTS]
    + [f"file_events.{name} AS event_{name}" for name in EVENT_FACTS]
)
OUTGOING = f"""
SELECT {_OUTGOING} FROM webhook_deliveries
JOIN webhooks ON webhooks.id = webhook_deliveries.webhook_id
LEFT JOIN file_events ON file_events.id = webhook_deliveries.event_id
LEFT JOIN files ON files.id = webhook_deliveries.file_id
WHERE webhook_deliveries.id = $1
"""

NOTE = f"""
UPDATE webhook_deliveries SET {_numbered(2, ATTEMPT_COLUMNS)}
WHERE id = $1 AND status = 'pending'
"""
"""Once it has ended, a late word of a worker that had stalled changes nothing."""

FORGET = """
WITH oldest AS (
    SELECT id, created_at FROM webhook_deliveries ORDER BY id LIMIT $2
), forgotten AS (
    DELETE FROM webhook_deliveries
    WHERE id = ANY(ARRAY(SELECT id FROM oldest WHERE created_at < $1))
    RETURNING id
)
SELECT count(*) FROM forgotten
"""
