"""The services of webhooks on the twin in memory, and an endpoint that answers as a test says."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook as Verifier

from app.domain.webhook import Delivery, Outcome, Webhook
from app.infrastructure.webhooks.signing import new_secret, sign
from app.service.delivery import DeliveryService
from tests.fakes.webhook_repository import InMemoryWebhookRepository
from tests.support.records import NOON

OK = Outcome(status=204)


@dataclass
class Sent:
    """One POST, as the endpoint had it."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def verified(self, secret: str, at: datetime) -> Any:
        """Its message, once the library of the specification has verified it at that time."""
        assert abs(int(self.headers["webhook-timestamp"]) - at.timestamp()) < 1
        signatures = self.headers["webhook-signature"].split(" ")
        name, body = self.headers["webhook-id"], self.body.decode()
        assert Verifier(secret).sign(name, at, body) in signatures
        return body


@dataclass
class Hooks:
    """`answers` are used up one by one, then OK. Set `silent` and no answer ever comes."""

    repository: InMemoryWebhookRepository = field(default_factory=InMemoryWebhookRepository)
    now: datetime = NOON
    answers: list[Outcome] = field(default_factory=list)
    silent: bool = False
    sent: list[Sent] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    disabled: int = 0

    def __post_init__(self) -> None:
        self.service = DeliveryService(
            repository=self.repository,
            send=self._send,
            sign=sign,
            clock=lambda: self.now,
            on_attempt=self.outcomes.append,
            on_disabled=self._count,
        )

    def webhook(self, owner: str | None = "alice", **changes: Any) -> Webhook:
        values: dict[str, Any] = {
            "id": uuid4(),
            "owner": owner,
            "url": "https://example.com/hook",
            "secret": new_secret(),
            "created_at": NOON,
            "updated_at": NOON,
        }
        webhook = Webhook(**(values | changes))
        self.repository.webhooks[webhook.id] = webhook
        return webhook

    async def attempt(self) -> list[Delivery]:
        """A worker's round: claim what is due, send it, note what it came to."""
        claimed = await self.service.claim(100, {})
        after = [await self.service.attempt(outgoing) for outgoing in claimed]
        await self.service.note(after)
        return after

    def later(self, by: timedelta) -> None:
        self.now += by

    def _count(self) -> None:
        self.disabled += 1

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.sent.append(Sent(url, headers, body))
        if self.silent:
            await asyncio.Event().wait()
        return self.answers.pop(0) if self.answers else OK
