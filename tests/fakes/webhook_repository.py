"""An in-memory twin of the webhook repository, held to the same contract suite as the real one."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.domain.webhook import TEST, Claim, Delivery, DeliveryStatus, Outgoing, Webhook
from app.exceptions.errors import DatabaseUnavailable

AT_ONCE = datetime.min.replace(tzinfo=UTC)


class InMemoryWebhookRepository:
    """Set `down` and every call raises `DatabaseUnavailable`, as when PostgreSQL is gone.

    `due` are the times from which deliveries may be claimed.
    """

    def __init__(self) -> None:
        self.webhooks: dict[UUID, Webhook] = {}
        self.sent: dict[int, Delivery] = {}
        self.told: dict[int, tuple[datetime, Mapping[str, Any] | None]] = {}
        self.due: dict[int, datetime] = {}
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

    async def load(self, id: UUID) -> Webhook | None:
        self.answer()
        return self.webhooks.get(id)

    async def replace(self, before: Webhook, after: Webhook) -> bool:
        self.answer()
        current = self.webhooks.get(before.id)
        if current is None or current.version != before.version:
            return False
        self.webhooks[before.id] = after
        return True

    async def remove(self, id: UUID) -> bool:
        self.answer()
        for delivery in [d for d in self.sent.values() if d.webhook_id == id and _is_pending(d)]:
            del self.sent[delivery.id], self.due[delivery.id]
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
                self._hurry(delivery)
                again = dataclasses.replace(
                    delivery, status=DeliveryStatus.PENDING, attempts=0, next_attempt_at=None
                )
                self.sent[delivery.id] = again
                return again
        return None

    async def claim(self, claim: Claim) -> list[Outgoing]:
        self.answer()
        under_way, claimed = Counter(claim.under_way), []
        by_webhook = sorted(self._heads(claim.now), key=lambda d: (under_way[d.webhook_id], d.id))
        for delivery in by_webhook:
            webhook = self.webhooks[delivery.webhook_id]
            is_tried = webhook.failing_since is not None and webhook.is_enabled
            most = 1 if is_tried else claim.most_each
            if len(claimed) < claim.most and under_way[webhook.id] < most:
                under_way[webhook.id] += 1
                self.due[delivery.id] = claim.until
                claimed.append(Outgoing(delivery, webhook, *self.told[delivery.id]))
        return claimed

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        self.answer()
        for delivery in deliveries:
            held = self.sent.get(delivery.id)
            if held is not None and _is_pending(held):
                self._put_off(delivery, delivery.next_attempt_at)
                for behind in self._of_the_file(delivery):
                    if behind.id > delivery.id and self._is_idle(behind):
                        self._put_off(behind, delivery.next_attempt_at)

    async def forget(self, before: datetime, *, limit: int) -> int:
        self.answer()
        old = [d.id for d in list(self.sent.values())[:limit] if d.created_at < before]
        for delivery_id in old:
            del self.sent[delivery_id], self.due[delivery_id]
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
        self.told[delivery.id] = (at, data)
        first = next(iter(self._of_the_file(delivery)), None)
        waits = first is not None and self._is_idle(first)
        self._put_off(delivery, first.next_attempt_at if first and waits else None)
        return self.sent[delivery.id]

    def waiting(self) -> list[Delivery]:
        """The first of each file, and what tells of none, whenever they are due."""
        first: dict[tuple[UUID, UUID], Delivery] = {}
        for delivery in self.sent.values():
            if delivery.status is DeliveryStatus.PENDING and delivery.webhook_id in self.webhooks:
                about = delivery.file_id or delivery.message_id
                first.setdefault((delivery.webhook_id, about), delivery)
        return list(first.values())

    def _heads(self, now: datetime) -> list[Delivery]:
        return [delivery for delivery in self.waiting() if self.due[delivery.id] <= now]

    def _hurry(self, delivery: Delivery) -> None:
        """Unless it is claimed, and what else waits of its file."""
        for waiting in self._of_the_file(delivery):
            if self._is_idle(waiting):
                self._put_off(waiting, None)
        if not _is_pending(delivery) or self._is_idle(delivery):
            self.due[delivery.id] = AT_ONCE

    def _of_the_file(self, delivery: Delivery) -> list[Delivery]:
        """What else of it is pending, oldest first."""
        of = (delivery.webhook_id, delivery.file_id)
        return [
            other
            for other in self.sent.values()
            if other.file_id is not None
            and (other.webhook_id, other.file_id) == of
            and other.id != delivery.id
            and _is_pending(other)
        ]

    def _is_idle(self, delivery: Delivery) -> bool:
        """Nobody has claimed it."""
        return self.due[delivery.id] == (delivery.next_attempt_at or AT_ONCE)

    def _put_off(self, delivery: Delivery, until: datetime | None) -> None:
        self.sent[delivery.id] = dataclasses.replace(delivery, next_attempt_at=until)
        self.due[delivery.id] = until or AT_ONCE


def _is_pending(delivery: Delivery) -> bool:
    return delivery.status is DeliveryStatus.PENDING
