"""The store's own word: an event of its bucket has the file looked at, whoever's it is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import structlog

from app.domain.event import STORAGE_EVENT
from app.domain.file import FileRecord, FileStatus
from app.domain.object_key import file_id_of, made_at
from app.domain.policy import Policies
from app.domain.ports import FileRepository
from app.domain.removal import is_unwanted
from app.domain.storage_event import StorageEvent, Told, UnknownShape, enclosed, parse
from app.domain.transition import on_arrival
from app.exceptions.errors import (
    EventsPostponed,
    FieldError,
    InvalidRequest,
    NotFound,
    ObjectMissing,
    RetryableError,
    VerificationFailed,
)
from app.service.completion import Completion
from app.service.concurrency import each
from app.service.removal import RemovalService
from app.service.settling import until_settled

COMMIT_GRACE = timedelta(minutes=1)
"""An event may come before the record that it is about is committed; a record that is not there so
long after its id was made never will be."""

MAX_ENVELOPES = 3
"""SNS around EventBridge around nothing else: deeper is nobody's configuration."""

RETRY_AFTER = 10

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of an event."""

    VERIFIED = "verified"
    """The file is `uploaded`, or `completed` under `auto_complete`."""
    REFUSED = "refused"
    """The object is not the declared one: the file has failed."""
    SETTLED = "settled"
    """The file had arrived before."""
    DISCARDED = "discarded"
    """The file has failed or was deleted: the object is removed."""
    MISSING = "missing"
    """There is no such object any more."""
    FOREIGN = "foreign"
    """It is no file of ours."""
    IGNORED = "ignored"
    """Nothing was created."""
    POSTPONED = "postponed"
    """The store or the database did not answer, or the record is not committed yet."""
    BROKEN = "broken"
    """A defect of ours, which the log tells."""


AGAIN = (Outcome.POSTPONED, Outcome.BROKEN)


class StorageEventService:
    """Every event may come twice, late, out of order, or be about nothing of ours."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        completion: Completion,
        removal: RemovalService,
        policies: Policies,
        bucket: str,
        key_prefix: str,
        clock: Callable[[], datetime],
        on_events: Callable[[str, int], None],
    ) -> None:
        self._repository = repository
        self._completion = completion
        self._removal = removal
        self._policies = policies
        self._bucket = bucket
        self._folder = f"{key_prefix.strip('/')}/".lstrip("/")
        self._clock = clock
        self._on_events = on_events

    async def receive(self, document: object) -> Mapping[str, int]:
        """How many events of the document met with which `Outcome`.

        Raises, when all that could be done is done, `EventsPostponed` (send the document again)
        or `InvalidRequest`, which names what cannot be read.
        """
        told = read_events(document)
        report = await self.take(told.events)
        if told.unreadable:
            errors = [FieldError(place, "is no event of a bucket") for place in told.unreadable]
            raise InvalidRequest(f"{errors[0].field} {errors[0].message}.", errors[:100])
        return report

    async def take(self, events: Sequence[StorageEvent]) -> Mapping[str, int]:
        """The same of these events; those that are about one object count once."""
        report = Counter(await each(self._outcome, dict.fromkeys(events)))
        for outcome, count in report.items():
            self._on_events(outcome, count)
        if again := sum(report[outcome] for outcome in AGAIN):
            raise EventsPostponed(
                "The store or the database did not answer for some of the files: send all of it "
                "again.",
                retry_after=RETRY_AFTER,
                postponed=again,
            )
        return {str(outcome): count for outcome, count in report.items()}

    async def _outcome(self, event: StorageEvent) -> Outcome:
        try:
            return await self._settle(event)
        except RetryableError as error:
            log.warning("storage_event_postponed", keys=event.keys, code=error.code)
            return Outcome.POSTPONED
        except Exception:
            log.exception("storage_event_broke", keys=event.keys)
            return Outcome.BROKEN

    async def _settle(self, event: StorageEvent) -> Outcome:
        if not event.is_creation:
            return Outcome.IGNORED
        file_id = next(filter(None, map(file_id_of, event.keys)), None)
        if event.bucket != self._bucket or file_id is None:
            return Outcome.FOREIGN
        try:
            return await until_settled(
                lambda: self._load(file_id), lambda record: self._attempt(record, event)
            )
        except NotFound:
            return self._unknown(event, file_id)

    async def _load(self, file_id: UUID) -> FileRecord:
        record = await self._repository.load(file_id)
        if record is None:
            raise NotFound("There is no such file.")
        return record

    async def _attempt(self, record: FileRecord, event: StorageEvent) -> Outcome | None:
        if record.key not in event.keys:
            return Outcome.FOREIGN
        if is_unwanted(record):
            await self._removal.clear(record)
            return Outcome.DISCARDED
        if record.status is not FileStatus.PENDING:
            return Outcome.SETTLED
        return await self._verify(record)

    async def _verify(self, record: FileRecord) -> Outcome | None:
        target = on_arrival(record, self._policies)
        try:
            moved = await self._completion.verify_and_finish(record, target, STORAGE_EVENT)
        except VerificationFailed:
            return Outcome.REFUSED
        except ObjectMissing:
            return Outcome.MISSING
        return Outcome.VERIFIED if moved else None

    def _unknown(self, event: StorageEvent, file_id: UUID) -> Outcome:
        is_ours = any(key.startswith(self._folder) for key in event.keys)
        is_new = self._clock() - made_at(file_id) < COMMIT_GRACE
        return Outcome.POSTPONED if is_ours and is_new else Outcome.FOREIGN


def read_events(document: object) -> Told:
    """The events of a document, taken out of its envelopes. Raises `InvalidRequest`."""
    for _ in range(MAX_ENVELOPES):
        inner = enclosed(document)
        if inner is None:
            break
        document = read_json(inner)
    try:
        return parse(document)
    except UnknownShape as error:
        raise InvalidRequest(
            f"This is no bucket event that the service knows: {error}.",
            [FieldError("body", "must be events of a bucket")],
        ) from None


def read_json(body: str | bytes) -> Any:
    """Raises `InvalidRequest` for what is no JSON in UTF-8."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        message = "must be JSON in UTF-8"
        raise InvalidRequest(f"The body {message}.", [FieldError("body", message)]) from None
