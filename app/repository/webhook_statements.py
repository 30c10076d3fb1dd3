# ruff: noqa: S608 -- what is put into the texts is column names and expressions of ours
"""SQL for webhooks, with asyncpg's numbered parameters. Each statement is one transaction."""

from sqlalchemy.dialects.postgresql import dialect

from app.database.models import WebhookDeliveryModel, WebhookModel
from app.domain.webhook import TEST

_DIALECT = dialect()  # type: ignore[no-untyped-call]

EVENT_NAME = """
    CASE WHEN event = 'deleted' THEN 'file.deleted'
         WHEN from_status IS NOT NULL THEN 'file.' || to_status END
"""
"""What webhooks are told of a line of the audit trail; NULL where they are told nothing."""

WEBHOOK_COLUMNS = tuple(column.name for column in WebhookModel.ormar_config.table.columns)
DELIVERY_COLUMNS = tuple(
    column.name
    for column in WebhookDeliveryModel.ormar_config.table.columns
    if column.name not in ("event_id", "due_at")
)
FILE_FACTS = (
    "owner",
    "key",
    "filename",
    "type",
    "file_size",
    "size_is_limit",
    "policy",
    "metadata",
)
"""Columns of a file that do not change after the first event that is told: it is the same at every
attempt."""
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

_ATTEMPTS = ", ".join(
    f"${number}::{WebhookDeliveryModel.ormar_config.table.columns[name].type.compile(_DIALECT)}[]"
    for number, name in enumerate(ATTEMPT_COLUMNS, 2)
)


def offering(source: str, file_id: str, owner: str) -> str:
    """The query that notes, for each event in `source`, its delivery to whoever wants it.

    For each webhook in the order of `source`: there is nothing to join on but by nested loops.
    Behind one of the file that waits it is due with that, or each look would go past it until then.
    """
    return f"""
    INSERT INTO webhook_deliveries
        (webhook_id, event_id, file_id, event, created_at, next_attempt_at, due_at)
    SELECT webhooks.id, {source}.id, {file_id}, {source}.name, {source}.at, head.next_attempt_at,
        coalesce(head.next_attempt_at, '-infinity')
    FROM webhooks LEFT JOIN LATERAL (
        SELECT next_attempt_at, due_at FROM webhook_deliveries
        WHERE webhook_id = webhooks.id AND file_id = {file_id} AND status = 'pending'
        ORDER BY webhook_id, file_id, id LIMIT 1
    ) AS head ON head.due_at = head.next_attempt_at, {source}
    WHERE (webhooks.owner = {owner} OR webhooks.owner IS NULL)
        AND webhooks.disabled_at IS NULL AND {source}.name IS NOT NULL
        AND (webhooks.events IS NULL OR webhooks.events ? {source}.name)
    """


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
LOAD = f"SELECT {_WEBHOOK} FROM webhooks WHERE id = $1"
REMOVE = """
WITH unsent AS (
    DELETE FROM webhook_deliveries WHERE id = ANY(ARRAY(
        SELECT id FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'pending'
        ORDER BY webhook_id, due_at, id LIMIT 1000
    ))
)
DELETE FROM webhooks WHERE id = $1 RETURNING true
"""
"""With what is not sent any more, lest every claim look for its webhook until it is forgotten; of
more than a thousand the rest."""

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
INSERT INTO webhook_deliveries (webhook_id, event, created_at) VALUES ($1, '{TEST}', $2)
RETURNING {_DELIVERY}
"""

_IDLE = "delivery.due_at = coalesce(delivery.next_attempt_at, '-infinity')"
"""Nobody has claimed it: one that is claimed is due when its claim lapses."""

REPLAY = f"""
WITH again AS (
    UPDATE webhook_deliveries AS delivery
    SET status = 'pending', attempts = 0, next_attempt_at = NULL,
        due_at = CASE WHEN status = 'pending' AND NOT {_IDLE} THEN due_at
            ELSE '-infinity' END
    WHERE webhook_id = $1 AND message_id = $2
    RETURNING *
), hurried AS (
    UPDATE webhook_deliveries AS delivery SET next_attempt_at = NULL, due_at = '-infinity'
    FROM again
    WHERE delivery.webhook_id = $1 AND delivery.file_id = again.file_id
        AND delivery.id <> again.id AND delivery.status = 'pending' AND {_IDLE}
)
SELECT {_DELIVERY} FROM again
"""
"""From its first attempt on, now, with all that waits of its file. What is under way goes on."""

_OUTGOING = ", ".join(
    [f"claimed.{name} AS delivery_{name}" for name in DELIVERY_COLUMNS]
    + [f"webhooks.{name} AS webhook_{name}" for name in WEBHOOK_COLUMNS]
    + [f"files.{name} AS file_{name}" for name in FILE_FACTS]
    + [f"file_events.{name} AS event_{name}" for name in EVENT_FACTS]
)

# The webhooks for which something waits, one probe of an index for each: what waits may be much,
# at an endpoint that is down. Only the index of what is pending has that order.
_WAITING = """
    (SELECT webhook_id FROM webhook_deliveries WHERE status = 'pending'
     ORDER BY webhook_id, due_at, id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT webhook_id FROM webhook_deliveries
        WHERE status = 'pending' AND webhook_id > waiting.webhook_id
        ORDER BY webhook_id, due_at, id LIMIT 1
    ) FROM waiting WHERE webhook_id IS NOT NULL
"""


def _one(table: str, condition: str, join: str = "JOIN") -> str:
    """By its index, row for row, however many the planner takes them for."""
    return f"{join} LATERAL (SELECT * FROM {table} WHERE {condition} LIMIT 1) AS {table} ON true"


_HEADS = """
    SELECT id, due_at FROM webhook_deliveries AS head
    WHERE webhook_id = webhooks.id AND status = 'pending' AND due_at <= $1 AND NOT EXISTS (
        SELECT FROM webhook_deliveries AS earlier
        WHERE earlier.webhook_id = head.webhook_id AND earlier.file_id = head.file_id
            AND earlier.status = 'pending' AND earlier.id < head.id
    )
    ORDER BY webhook_id, due_at, id
    LIMIT greatest(0, share.most - share.under_way) FOR UPDATE SKIP LOCKED
"""

_TRIED = "webhooks.failing_since IS NOT NULL AND webhooks.disabled_at IS NULL"
"""Whether it is only seen whether its endpoint is well again. To a disabled one nothing is sent."""

CLAIM = f"""
WITH RECURSIVE waiting AS ({_WAITING}), due AS MATERIALIZED (
    SELECT heads.id FROM waiting {_one("webhooks", "id = waiting.webhook_id")}
    LEFT JOIN unnest($5::uuid[], $6::int[]) AS busy (id, under_way) ON busy.id = webhooks.id
    CROSS JOIN LATERAL (SELECT coalesce(busy.under_way, 0) AS under_way,
        CASE WHEN {_TRIED} THEN 1 ELSE $4::int END AS most) AS share
    CROSS JOIN LATERAL ({_HEADS}) AS heads
    ORDER BY share.under_way, heads.due_at, heads.id LIMIT $3
), claimed AS (
    UPDATE webhook_deliveries SET due_at = $2 WHERE id = ANY(ARRAY(SELECT id FROM due)) RETURNING *
)
SELECT {_OUTGOING} FROM claimed {_one("webhooks", "id = claimed.webhook_id")}
{_one("file_events", "id = claimed.event_id", "LEFT JOIN")}
{_one("files", "id = claimed.file_id", "LEFT JOIN")}
"""
"""Now, the claim's end, how many, how many for each webhook; ids of webhooks and how many are
under way to them. Who claims at the same moment passes the rows of another by, or finds them due
no more."""

NOTE = f"""
WITH noted AS (
    UPDATE webhook_deliveries
    SET {", ".join(f"{name} = new.{name}" for name in ATTEMPT_COLUMNS)},
        due_at = coalesce(new.next_attempt_at, '-infinity')
    FROM unnest($1::bigint[], {_ATTEMPTS}) AS new (id, {", ".join(ATTEMPT_COLUMNS)})
    WHERE webhook_deliveries.id = new.id AND webhook_deliveries.status = 'pending'
    RETURNING webhook_deliveries.*
)
UPDATE webhook_deliveries AS delivery
SET next_attempt_at = behind.next_attempt_at, due_at = behind.due_at
FROM (
    SELECT later.id, noted.next_attempt_at, noted.due_at FROM noted CROSS JOIN LATERAL (
        SELECT id FROM webhook_deliveries
        WHERE webhook_id = noted.webhook_id AND file_id = noted.file_id AND status = 'pending'
            AND id > noted.id
        ORDER BY webhook_id, file_id, id LIMIT 100
    ) AS later
) AS behind
WHERE delivery.id = behind.id AND delivery.due_at <> behind.due_at AND {_IDLE}
"""
"""An array of ids, and one per ATTEMPT_COLUMNS. Once it has ended, a late word of a worker that had
stalled changes nothing. What waits behind it is due with it: claims do not go past it meanwhile."""

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
