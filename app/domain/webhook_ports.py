"""What webhooks ask of the outside world."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.webhook import Delivery, Outcome, Outgoing, Webhook

Send = Callable[[str, Mapping[str, str], bytes], Awaitable[Outcome]]
"""POST a body with these headers to a URL, once, in bounded time; it never raises."""

Sign = Callable[[str, str, datetime, bytes], str]
"""The signature with a secret of a message id, a time and a body."""


class WebhookRepository(Protocol):
    """Webhooks and their deliveries. The repository of the files adds a delivery for each move
    that an enabled webhook wants, and defers the job that makes it, in the move's own transaction.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer.
    """

    async def add(self, webhook: Webhook, *, most: int) -> bool:
        """False, with nothing written, when its owner has `most` of them."""
        ...

    async def all(self, owner: str, *, service_wide: bool) -> list[Webhook]:
        """The owner's, and the service-wide ones when asked for; oldest first."""
        ...

    async def find(self, owner: str, id: UUID, *, service_wide: bool) -> Webhook | None:
        """One among these."""
        ...

    async def replace(self, before: Webhook, after: Webhook) -> bool:
        """Compare and set: False, with nothing written, when it changed or is gone."""
        ...

    async def remove(self, id: UUID) -> bool:
        """False when it was gone. What is on its way to it is not sent."""
        ...

    async def deliveries(
        self, webhook_id: UUID, *, before: int | None, limit: int
    ) -> list[Delivery]:
        """Up to `limit`, newest (greatest id) first, older than `before`."""
        ...

    async def offer_test(self, webhook_id: UUID, now: datetime) -> Delivery:
        """Send a delivery that tells of no file."""
        ...

    async def replay(self, webhook_id: UUID, message_id: UUID) -> Delivery | None:
        """Send a delivery again, from its first attempt on; None when there is none."""
        ...

    async def outgoing(self, delivery_id: int) -> Outgoing | None:
        """A delivery with all that is to be sent; None when it or its webhook is gone."""
        ...

    async def note(self, delivery: Delivery) -> None:
        """Write what became of an attempt."""
        ...

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Drop up to `limit` of the deliveries made before that; returns how many."""
        ...
