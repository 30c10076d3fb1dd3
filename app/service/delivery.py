"""Telling webhooks: one attempt at one delivery."""

import json
import random
from collections.abc import Callable
from datetime import datetime

import structlog

from app.domain.webhook import (
    DELIVERIES_KEPT,
    Delivery,
    DeliveryStatus,
    Outcome,
    Outgoing,
    Webhook,
    after_attempt,
    given_up,
    health_after,
)
from app.domain.webhook_ports import Send, Sign, WebhookRepository

JITTER = 0.1
"""Share by which a wait is longer at most: what failed together does not come back together."""

BATCH = 1000

_DISABLED = "The webhook is disabled: nothing was sent."

log = structlog.get_logger(__name__)


class DeliveryService:
    """Each delivery is sent at least once, and each time as the same message."""

    def __init__(
        self,
        *,
        repository: WebhookRepository,
        send: Send,
        sign: Sign,
        clock: Callable[[], datetime],
        on_attempt: Callable[[str], None],
        on_disabled: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._send = send
        self._sign = sign
        self._clock = clock
        self._on_attempt = on_attempt
        self._on_disabled = on_disabled

    async def deliver(self, delivery_id: int) -> datetime | None:
        """Send it, and say when to try again; None when there is nothing left to do.

        Raises `DatabaseUnavailable`; what was sent will be sent again.
        """
        outgoing = await self._repository.outgoing(delivery_id)
        if outgoing is None or outgoing.delivery.status is not DeliveryStatus.PENDING:
            return None
        if not outgoing.webhook.is_enabled:
            await self._repository.note(given_up(outgoing.delivery, _DISABLED))
            return None
        outcome = await self._attempt(outgoing)
        return await self._settle(outgoing, outcome)

    async def forget(self) -> int:
        """Drop the deliveries that are older than DELIVERIES_KEPT; how many there were."""
        before, total = self._clock() - DELIVERIES_KEPT, 0
        while forgotten := await self._repository.forget(before, limit=BATCH):
            total += forgotten
        return total

    async def _attempt(self, outgoing: Outgoing) -> Outcome:
        now, name, body = self._clock(), outgoing.delivery.name, _body(outgoing)
        signatures = [
            self._sign(secret, name, now, body) for secret in outgoing.webhook.secrets(now)
        ]
        headers = {
            "content-type": "application/json",
            "user-agent": "Slipway",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return await self._send(outgoing.webhook.url, headers, body)

    async def _settle(self, outgoing: Outgoing, outcome: Outcome) -> datetime | None:
        now = self._clock()
        jitter = random.uniform(0, JITTER)  # noqa: S311 -- no secret
        after = after_attempt(outgoing.delivery, outcome, now, jitter)
        self._on_attempt(_verdict(after))
        # In this order: what is settled is not tried again, and would disable nothing any more.
        await self._note_health(outgoing.webhook, outcome, now)
        await self._repository.note(after)
        return after.next_attempt_at

    async def _note_health(self, webhook: Webhook, outcome: Outcome, now: datetime) -> None:
        after = health_after(webhook, outcome, now)
        if after is webhook or not await self._repository.replace(webhook, after):
            return  # Where another one was first, the next attempt sees what it came to.
        if not after.is_enabled:
            self._on_disabled()
            log.warning(
                "webhook_disabled",
                webhook_id=str(webhook.id),
                owner=webhook.owner,
                reason=after.disabled_reason,
            )


def _verdict(delivery: Delivery) -> str:
    return "retried" if delivery.status is DeliveryStatus.PENDING else str(delivery.status)


def _body(outgoing: Outgoing) -> bytes:
    """The same bytes at every attempt."""
    message = {
        "type": outgoing.delivery.event,
        "timestamp": f"{outgoing.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "data": dict(outgoing.data),
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
