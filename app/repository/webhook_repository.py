"""Webhooks and their deliveries, in PostgreSQL."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from app.database.config import Database
from app.database.engine import Connection
from app.domain.webhook import TEST, Claim, Delivery, DeliveryStatus, Outgoing, Webhook
from app.repository import webhook_statements as statements
from app.repository.mapping import Row, to_uuid
from app.repository.webhook_statements import (
    ATTEMPT_COLUMNS,
    DELIVERY_COLUMNS,
    MUTABLE_WEBHOOK_COLUMNS,
    WEBHOOK_COLUMNS,
)

_attempt_values = attrgetter("id", *ATTEMPT_COLUMNS)
_UUIDS = ("message_id", "webhook_id", "file_id")


class PostgresWebhookRepository:
    """Implements `WebhookRepository`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, webhook: Webhook, *, most: int) -> bool:
        async def attempt(connection: Connection) -> bool:
            async with connection.transaction():
                await connection.execute(statements.LOCK_OWNER, webhook.owner or "everybody")
                if await connection.fetchval(statements.COUNT, webhook.owner) >= most:
                    return False
                await connection.execute(statements.ADD, *_values(webhook, WEBHOOK_COLUMNS))
                return True

        return await self._database.run(attempt, repeatable=False)

    async def all(self, owner: str, *, service_wide: bool) -> list[Webhook]:
        rows = await self._database.ask(
            lambda connection: connection.fetch(statements.LIST, owner, service_wide)
        )
        return [to_webhook(row) for row in rows]

    async def find(self, owner: str, id: UUID, *, service_wide: bool) -> Webhook | None:
        row = await self._database.ask(
            lambda connection: connection.fetchrow(statements.FIND, owner, service_wide, id)
        )
        return to_webhook(row) if row else None

    async def load(self, id: UUID) -> Webhook | None:
        row = await self._database.ask(lambda connection: connection.fetchrow(statements.LOAD, id))
        return to_webhook(row) if row else None

    async def replace(self, before: Webhook, after: Webhook) -> bool:
        values = _values(after, MUTABLE_WEBHOOK_COLUMNS)
        replaced = await self._database.ask(
            lambda connection: connection.fetchval(
                statements.REPLACE, before.id, before.version, *values
            ),
            repeatable=False,
        )
        return bool(replaced)

    async def remove(self, id: UUID) -> bool:
        removed = await self._database.ask(
            lambda connection: connection.fetchval(statements.REMOVE, id), repeatable=False
        )
        return bool(removed)

    async def deliveries(
        self, webhook_id: UUID, *, before: int | None, limit: int
    ) -> list[Delivery]:
        last = 2**63 - 1 if before is None else before
        rows = await self._database.ask(
            lambda connection: connection.fetch(statements.DELIVERIES, webhook_id, last, limit)
        )
        return [to_delivery(row) for row in rows]

    async def offer_test(self, webhook_id: UUID, now: datetime) -> Delivery:
        [row] = await self._database.ask(
            lambda connection: connection.fetch(statements.OFFER_TEST, webhook_id, now),
            repeatable=False,
        )
        self._database.wake_listeners()
        return to_delivery(row)

    async def replay(self, webhook_id: UUID, message_id: UUID) -> Delivery | None:
        row = await self._database.ask(
            lambda connection: connection.fetchrow(statements.REPLAY, webhook_id, message_id)
        )
        self._database.wake_listeners()
        return to_delivery(row) if row else None

    async def claim(self, claim: Claim) -> list[Outgoing]:
        busy = claim.under_way
        values = (
            claim.now,
            claim.until,
            claim.most,
            claim.most_each,
            list(busy),
            list(busy.values()),
        )
        rows = await self._database.ask(
            lambda connection: connection.fetch(statements.CLAIM, *values), repeatable=False
        )
        return [_to_outgoing(row) for row in rows]

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        columns = zip(*map(_attempt_values, deliveries), strict=True)
        await self._database.ask(lambda connection: connection.execute(statements.NOTE, *columns))

    async def forget(self, before: datetime, *, limit: int) -> int:
        forgotten: int = await self._database.ask(
            lambda connection: connection.fetchval(statements.FORGET, before, limit)
        )
        return forgotten


def _values(webhook: Webhook, names: tuple[str, ...]) -> list[Any]:
    events = None if webhook.events is None else json.dumps(sorted(webhook.events))
    return [events if name == "events" else getattr(webhook, name) for name in names]


def to_webhook(row: Row, prefix: str = "") -> Webhook:
    values = {name: row[prefix + name] for name in WEBHOOK_COLUMNS}
    events = values["events"]
    values |= {
        "id": to_uuid(values["id"]),
        "events": None if events is None else frozenset(events),
    }
    return Webhook(**values)


def to_delivery(row: Row, prefix: str = "") -> Delivery:
    values = {name: row[prefix + name] for name in DELIVERY_COLUMNS}
    ids = {name: to_uuid(values[name]) for name in _UUIDS if values[name] is not None}
    return Delivery(**(values | ids | {"status": DeliveryStatus(values["status"])}))


def _to_outgoing(row: Row) -> Outgoing:
    delivery, webhook = to_delivery(row, "delivery_"), to_webhook(row, "webhook_")
    if delivery.event == TEST:
        return Outgoing(delivery, webhook, delivery.created_at, {})
    if row["event_at"] is None or row["file_key"] is None:
        return Outgoing(delivery, webhook, delivery.created_at, None)
    return Outgoing(delivery, webhook, row["event_at"], _told(row))


def _told(row: Row) -> Mapping[str, Any]:
    """What the event's own line and the file's unchanging columns say of it."""
    detail = row["event_detail"]
    return {
        "id": str(row["delivery_file_id"]),
        "key": row["file_key"],
        "status": row["event_to_status"] or "deleted",
        "from": row["event_from_status"],
        "status_reason": detail.get("reason"),
        "owner": row["file_owner"],
        "actor": row["event_actor"],
        "filename": row["file_filename"],
        "type": row["file_type"],
        "file_size": row["file_file_size"],
        "size_is_limit": row["file_size_is_limit"],
        "policy": row["file_policy"],
        "metadata": row["file_metadata"],
        "etag": detail.get("etag"),
    }
