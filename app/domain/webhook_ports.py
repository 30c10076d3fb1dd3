"""What webhooks ask of the outside world."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.webhook import Claim, Delivery, Outcome, Outgoing, Webhook

Send = Callable[[str, Mapping[str, str], bytes], Awaitable[Outcome]]
"""POST a body with these headers to a URL, once, in bounded time; it never raises."""

Sign = Callable[[str, str, datetime, bytes], str]
"""The signature with a secret of a message id, a time and a body."""


class WebhookRepository(Protocol):
    """Webhooks and their deliveries. The repository of the files adds a delivery for each move
    that an enabled webhook wants in the move's own transaction.

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

    async def load(self, id: UUID) -> Webhook | None:
        """Whoever's it is."""
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
        """Send a delivery again, from its first attempt on, and at once what it waits for; None
        when there is none."""
        ...

    async def claim(self, claim: Claim) -> list[Outgoing]:
        """Deliveries that are due, with all that is to be sent, for this caller alone until then.

        Of each file only the first that a webhook has not been told. Of webhooks for which equally
        much is under way, none comes first for long.
        """
        ...

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        """Write what became of attempts, which ends their claims: what is pending still is due at
        its next attempt, or now. What has ended already stays as it is."""
        ...

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Drop up to `limit` of the deliveries made before that; returns how many."""
        ...
