"""An in-memory twin of the webhook repository, held to the same contract suite as the real one."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app.domain.webhook import TEST, Delivery, DeliveryStatus, Outgoing, Webhook
from app.exceptions.errors import DatabaseUnavailable


class InMemoryWebhookRepository:
    """Set `down` and every call raises `DatabaseUnavailable`, as when PostgreSQL is gone.

    `jobs` are the ids of deliveries in the order in which they were sent on their way.
    """

    def __init__(self) -> None:
        self.webhooks: dict[UUID, Webhook] = {}
        self.sent: dict[int, Delivery] = {}
        self.told: dict[int, tuple[datetime, Mapping[str, Any]]] = {}
        self.jobs: list[int] = []
        self.down = False
        self._last_id = 0

    def offer(self, owner: str, event: str, at: datetime, data: Mapping[str, Any]) -> None:
        """What a move of a file does."""
        for webhook in list(self.webhooks.values()):
            wanted = webhook.events is None or event in webhook.events
            if webhook.owner in (owner, None) and webhook.is_enabled and wanted:
                self._send(webhook.id, event, at, data)

    async def add(self, webhook: Webhook, *, most: int) -> bool:
        self.answer()
        if sum(held.owner == webhook.owner for held in self.webhooks.values()) >= most:
            return False
        self.webhooks[webhook.id] = webhook
        return True

    async def all(self, owner: str, *, service_wide: bool) -> list[Webhook]:
        self.answer()
        visible = (owner, None) if service_wide else (owner,)
        found = [webhook for webhook in self.webhooks.values() if webhook.owner in visible]
        return sorted(found, key=lambda webhook: webhook.id)

    async def find(self, owner: str, id: UUID, *, service_wide: bool) -> Webhook | None:
        found = await self.all(owner, service_wide=service_wide)
        return next((webhook for webhook in found if webhook.id == id), None)

    async def replace(self, before: Webhook, after: Webhook) -> bool:
        self.answer()
        current = self.webhooks.get(before.id)
        if current is None or current.version != before.version:
            return False
        self.webhooks[before.id] = after
        return True

    async def remove(self, id: UUID) -> bool:
        self.answer()
        return self.webhooks.pop(id, None) is not None

    async def deliveries(
        self, webhook_id: UUID, *, before: int | None, limit: int
    ) -> list[Delivery]:
        self.answer()
        found = [d for d in self.sent.values() if d.webhook_id == webhook_id]
        older = [d for d in found if before is None or d.id < before]
        return sorted(older, key=lambda delivery: -delivery.id)[:limit]

    async def offer_test(self, webhook_id: UUID, now: datetime) -> Delivery:
        self.answer()
        return self._send(webhook_id, TEST, now, {})

    async def replay(self, webhook_id: UUID, message_id: UUID) -> Delivery | None:
        self.answer()
        for delivery in self.sent.values():
            if (delivery.webhook_id, delivery.message_id) == (webhook_id, message_id):
                again = dataclasses.replace(
                    delivery, status=DeliveryStatus.PENDING, attempts=0, next_attempt_at=None
                )
                self.sent[delivery.id] = again
                self.jobs.append(delivery.id)
                return again
        return None

    async def outgoing(self, delivery_id: int) -> Outgoing | None:
        self.answer()
        delivery = self.sent.get(delivery_id)
        webhook = delivery and self.webhooks.get(delivery.webhook_id)
        if delivery is None or webhook is None:
            return None
        return Outgoing(delivery, webhook, *self.told[delivery_id])

    async def note(self, delivery: Delivery) -> None:
        self.answer()
        if self.sent[delivery.id].status is DeliveryStatus.PENDING:
            self.sent[delivery.id] = delivery

    async def forget(self, before: datetime, *, limit: int) -> int:
        self.answer()
        old = [d.id for d in list(self.sent.values())[:limit] if d.created_at < before]
        for delivery_id in old:
            del self.sent[delivery_id]
        return len(old)

    def answer(self) -> None:
        if self.down:
            raise DatabaseUnavailable("The database does not answer.")

    def _send(
        self, webhook_id: UUID, event: str, at: datetime, data: Mapping[str, Any]
    ) -> Delivery:
        self._last_id += 1
        delivery = Delivery(
            id=self._last_id,
            message_id=uuid4(),
            webhook_id=webhook_id,
            event=event,
            file_id=UUID(data["id"]) if data else None,
            created_at=at,
        )
        self.sent[delivery.id] = delivery
        self.told[delivery.id] = (at, data)
        self.jobs.append(delivery.id)
        return delivery
