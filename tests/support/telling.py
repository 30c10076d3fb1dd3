"""A webhook in memory: what it is told of, the queue before it, and the endpoint behind it."""

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
        self._not_before: dict[int, datetime] = {}
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

    def waiting(self) -> dict[int, datetime]:
        """The first delivery of each file, as the queue's lock has it, and its time."""
        first: dict[UUID | None, int] = {}
        for number in sorted(self.repository.jobs):
            first.setdefault(self.repository.sent[number].file_id, number)
        return {number: self._not_before.get(number, NOON) for number in first.values()}

    async def deliver(self, number: int) -> None:
        """A worker's job, which stays in the queue unless it is done."""
        try:
            again_at = await self._service.deliver(number)
        finally:
            self._enable()
        if again_at is None:
            self.repository.jobs.remove(number)
        else:
            self._not_before[number] = again_at

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
