"""The records of the files."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.job import Job


class Found(NamedTuple):
    """What a search found, and where it stopped looking: None after the oldest file."""

    records: list[FileRecord]
    looked_until: UUID | None


class FileRepository(Protocol):
    """The records, their events and the idempotency keys. Deleted records are never found.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer; then nothing was
    written, or all of it was.
    """

    async def insert(self, record: FileRecord, event: FileEvent) -> None:
        """Commit a new record with its first event and its reservation. Raises `QuotaExceeded`."""
        ...

    async def insert_many(self, created: Sequence[tuple[FileRecord, FileEvent]]) -> None:
        """Commit all of them or none. Raises `QuotaExceeded`."""
        ...

    async def insert_once(
        self, claim: IdempotencyClaim, created: Sequence[tuple[FileRecord, FileEvent]]
    ) -> EarlierUse | None:
        """Commit all of them with the claim; or nothing, and say what the key was used for.

        Raises `QuotaExceeded`; then the key is not used either.
        """
        ...

    async def find(
        self, owner: str, *, id: UUID | None = None, key: str | None = None
    ) -> FileRecord | None:
        """The owner's file with that id or key."""
        ...

    async def find_all(self, owner: str, ids: Sequence[UUID]) -> list[FileRecord]:
        """The owner's files among `ids`, in that order."""
        ...

    async def page(
        self,
        owner: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[FileRecord]:
        """Up to `limit` of the owner's files, newest (greatest id) first, older than `before`."""
        ...

    async def search(
        self,
        owner: str,
        text: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
        window: int,
    ) -> Found:
        """Likewise, those with `text` in their name, in whatever case, among the next `window`."""
        ...

    async def move(
        self,
        before: FileRecord,
        after: FileRecord,
        events: Sequence[FileEvent],
        jobs: Sequence[Job] = (),
    ) -> bool:
        """Compare and set: replace `before` by `after`, append the events, defer the jobs and
        settle the owner's usage, in one transaction.

        False, with nothing written, when status, `ends_at` or `upload_id` are no longer those of
        `before` or the record has been deleted.
        """
        ...

    async def extend(
        self, record: FileRecord, *, expires_at: datetime, ends_at: datetime, event: FileEvent
    ) -> bool:
        """Put off the end of a pending record, never to an earlier time, and tell of it.

        Concurrent calls add up. False, with nothing written, when it is pending no longer or ended
        before the event.
        """
        ...

    async def append(self, record: FileRecord, event: FileEvent, jobs: Sequence[Job] = ()) -> None:
        """Add to the audit trail of a file that stays as it is, and defer the jobs with it."""
        ...

    async def defer(self, jobs: Sequence[Job]) -> None:
        """Have the jobs done, of which no line of a trail tells."""
        ...

    async def events(
        self, owner: str, file_id: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[FileEvent] | None:
        """Up to `limit` events whose id is greater than `after`, oldest first.

        None when the owner has no such file.
        """
        ...

    async def load(self, file_id: UUID) -> FileRecord | None:
        """A record whoever owns it, deleted or not: for the worker alone."""
        ...

    async def due(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        """Up to `limit` pending records whose `ends_at` is not after `now`, first ends first.

        `after`, the last of one batch, leads to the next.
        """
        ...

    async def due_removals(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        """Likewise, the failed and deleted records whose `remove_at` is not after `now`."""
        ...

    async def put_off_removal(self, record: FileRecord, remove_at: datetime | None) -> None:
        """Set `remove_at` of a failed or deleted record, unless somebody else has changed it."""
        ...

    async def forget_claims(self, before: datetime, *, limit: int) -> int:
        """Drop up to `limit` idempotency keys last used before that; returns how many."""
        ...
