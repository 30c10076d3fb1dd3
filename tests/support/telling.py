"""A webhook in memory: what it is told of, and the endpoint behind it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app.domain.file import FileEvent, FileRecord
from app.domain.job import Job
from app.domain.usage import Limits
from app.domain.webhook import WAITS, DeliveryStatus, Outcome, Webhook, enabled
from app.exceptions.errors import RetryableError
from app.infrastructure.webhooks.signing import new_secret, sign
from app.service.delivery import DeliveryService
from tests.fakes.file_repository import InMemoryFileRepository
from tests.fakes.webhook_repository import InMemoryWebhookRepository
from tests.support.aftermath import name_of
from tests.support.records import NOON


class Endpoint:
    """`received` are ids and bodies, in the order in which they came."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.received.append((headers["webhook-id"], body))
        return Outcome(status=204)


class Told:
    """The service-wide webhook. Whenever it is disabled, somebody enables it again."""

    def __init__(self, clock: Callable[[], datetime], watched: Callable[[str, object], Any]):
        self.repository = InMemoryWebhookRepository()
        self._clock = clock
        self._endpoint = Endpoint()
        self._watched_endpoint = watched("endpoint", self._endpoint)
        self._service = DeliveryService(
            repository=watched("webhooks", self.repository),
            send=self._send,
            sign=sign,
            clock=clock,
            on_attempt=lambda _: None,
            on_disabled=lambda: None,
        )
        self._id = uuid4()
        self.repository.webhooks[self._id] = Webhook(
            id=self._id,
            owner=None,
            url="https://example.com/hook",
            secret=new_secret(),
            created_at=NOON,
            updated_at=NOON,
        )

    def events_of(self, file_id: UUID) -> list[str]:
        return [sent.event for sent in self.repository.sent.values() if sent.file_id == file_id]

    def due(self) -> list[datetime]:
        """When each file's first delivery may be claimed."""
        return [max(NOON, self.repository.due[d.id]) for d in self.repository.waiting()]

    async def deliver(self) -> None:
        """What a worker does with one that is due, if there is any."""
        try:
            for outgoing in await self._service.claim(1, {}):
                await self._service.note([await self._service.attempt(outgoing)])
        finally:
            self._enable()

    def faults(self) -> list[str]:
        """When nothing waits: what never came, came as two messages, or before its time."""
        bodies: dict[str, bytes] = {}
        received = self._endpoint.received
        found = [f"{name} changed" for name, b in received if bodies.setdefault(name, b) != b]
        arrived = list(bodies)
        sent = [s for s in self.repository.sent.values() if s.attempts <= len(WAITS)]
        for delivery in sent:
            if delivery.status is not DeliveryStatus.DELIVERED or delivery.name not in arrived:
                found.append(f"{delivery} was lost")
        for file_id in {delivery.file_id for delivery in sent}:
            names = [delivery.name for delivery in sent if delivery.file_id == file_id]
            if names != [name for name in arrived if name in names]:
                found.append(f"{file_id} is told of in another order")
        return found

    def _enable(self) -> None:
        webhook = self.repository.webhooks[self._id]
        if not webhook.is_enabled:
            self.repository.webhooks[self._id] = enabled(webhook, self._clock())

    async def _send(self, *request: Any) -> Outcome:
        try:
            answer: Outcome = await self._watched_endpoint.post(*request)
        except RetryableError as error:
            return Outcome(error=str(error))
        return answer


class TellingFileRepository(InMemoryFileRepository):
    """A move of a file tells the webhook, as PostgreSQL's statement does."""

    def __init__(self, limits: Limits, told: InMemoryWebhookRepository) -> None:
        super().__init__(limits)
        self._told = told

    async def move(
        self,
        before: FileRecord,
        after: FileRecord,
        events: Sequence[FileEvent],
        jobs: Sequence[Job] = (),
    ) -> bool:
        moved = await super().move(before, after, events, jobs)
        for event in events if moved else ():
            if name := name_of(event):
                self._told.offer(after.owner, name, event.at, {"id": str(after.id)})
        return moved
