"""Telling webhooks: deliveries are claimed, attempted, and noted."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from app.domain.webhook import (
    CLAIM_LIFE,
    DELIVERIES_KEPT,
    Claim,
    Delivery,
    DeliveryStatus,
    Outcome,
    Outgoing,
    Webhook,
    after_attempt,
    given_up,
    health_after,
    share_of,
)
from app.domain.webhook_ports import Send, Sign, WebhookRepository

JITTER = 0.1
"""Share by which a wait is longer at most: what failed together does not come back together."""

BATCH = 1000

_DISABLED = "The webhook is disabled: nothing was sent."

_FORGOTTEN = "What it would tell of has been removed: nothing was sent."

_BROKEN = "The service could not send it."

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

    async def claim(self, most: int, under_way: Mapping[UUID, int]) -> list[Outgoing]:
        """Take on up to `most` deliveries that are due, besides what is `under_way` to webhooks.

        An endpoint gets its share of both together. Raises `DatabaseUnavailable`.
        """
        now = self._clock()
        total = most + sum(under_way.values())
        return await self._repository.claim(
            Claim(now, now + CLAIM_LIFE, most, share_of(total), under_way)
        )

    async def attempt(self, outgoing: Outgoing) -> Delivery:
        """Send it: the delivery after that, which is to be noted.

        Raises `DatabaseUnavailable`; what was sent will be sent again.
        """
        if not outgoing.webhook.is_enabled:
            return given_up(outgoing.delivery, _DISABLED)
        if outgoing.data is None:
            return given_up(outgoing.delivery, _FORGOTTEN)
        outcome = await self._send_signed(outgoing, _body(outgoing, outgoing.data))
        # Before it is noted: what is settled is not tried again, and disables nothing any more.
        await self._note_health(outgoing.webhook, outcome, self._clock())
        return self._after(outgoing, outcome)

    def failed(self, outgoing: Outgoing) -> Delivery:
        """The delivery after an attempt that a defect of ours has ended."""
        return self._after(outgoing, Outcome(error=_BROKEN))

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        """Write what became of them; one that is as it was is due again at once.

        Raises `DatabaseUnavailable`.
        """
        await self._repository.note(deliveries)

    async def forget(self) -> int:
        """Drop the deliveries that are older than DELIVERIES_KEPT; how many there were."""
        before, total = self._clock() - DELIVERIES_KEPT, 0
        while forgotten := await self._repository.forget(before, limit=BATCH):
            total += forgotten
        return total

    def _after(self, outgoing: Outgoing, outcome: Outcome) -> Delivery:
        jitter = random.uniform(0, JITTER)  # noqa: S311 -- no secret
        after = after_attempt(outgoing.delivery, outcome, self._clock(), jitter)
        self._on_attempt(_verdict(after))
        return after

    async def _send_signed(self, outgoing: Outgoing, body: bytes) -> Outcome:
        now, name = self._clock(), outgoing.delivery.name
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


def _body(outgoing: Outgoing, data: Mapping[str, Any]) -> bytes:
    """The same bytes at every attempt."""
    message = {
        "type": outgoing.delivery.event,
        "timestamp": f"{outgoing.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "data": dict(data),
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
