"""An in-memory twin of the repository, held to the same contract suite as the real one."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.job import Job
from app.domain.ports import Found
from app.domain.usage import UNLIMITED, Amount, Limits, Standing, Usage, held_by, refusal
from app.exceptions.errors import DatabaseUnavailable


class InMemoryFileRepository:
    """Set `down` and every call raises `DatabaseUnavailable`, as when PostgreSQL is gone.

    `jobs` are those deferred so far.
    """

    def __init__(self, default_limits: Limits = UNLIMITED) -> None:
        self.default_limits = default_limits
        self.own_limits: dict[str, Limits] = {}
        self.records: dict[UUID, FileRecord] = {}
        self.trail: dict[UUID, list[FileEvent]] = {}
        self.claims: dict[tuple[str, str], tuple[IdempotencyClaim, EarlierUse]] = {}
        self.jobs: list[Job] = []
        self.down = False

    async def insert(self, record: FileRecord, event: FileEvent) -> None:
        await self.insert_many([(record, event)])

    async def insert_many(self, created: Sequence[tuple[FileRecord, FileEvent]]) -> None:
        self.answer()
        for owner in {record.owner for record, _ in created}:
            self._check_quota(owner, [record for record, _ in created if record.owner == owner])
        for record, event in created:
            self.records[record.id] = record
            self.trail[record.id] = [event]

    async def insert_once(
        self, claim: IdempotencyClaim, created: Sequence[tuple[FileRecord, FileEvent]]
    ) -> EarlierUse | None:
        self.answer()
        earlier = self.claims.get((claim.owner, claim.key))
        if earlier is not None and earlier[0].at >= claim.not_before:
            return earlier[1]
        await self.insert_many(created)
        use = EarlierUse(claim.fingerprint, tuple(record.id for record, _ in created))
        self.claims[claim.owner, claim.key] = (claim, use)
        return None

    async def find(
        self, owner: str, *, id: UUID | None = None, key: str | None = None
    ) -> FileRecord | None:
        self.answer()
        found = [r for r in self._of(owner) if r.id == id or r.key == key]
        return found[0] if found else None

    async def find_all(self, owner: str, ids: Sequence[UUID]) -> list[FileRecord]:
        self.answer()
        mine = {record.id: record for record in self._of(owner)}
        return [mine[i] for i in ids if i in mine]

    async def page(
        self,
        owner: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[FileRecord]:
        self.answer()
        rows = [
            record
            for record in self._of(owner)
            if status in (None, record.status)
            and policy in (None, record.policy)
            and (before is None or record.id < before)
        ]
        return sorted(rows, key=lambda record: record.id, reverse=True)[:limit]

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
        rows = await self.page(owner, status=status, policy=policy, before=before, limit=window)
        found = [record for record in rows if text.lower() in record.filename.lower()]
        return Found(found[:limit], rows[-1].id if len(rows) == window else None)

    async def move(
        self,
        before: FileRecord,
        after: FileRecord,
        events: Sequence[FileEvent],
        jobs: Sequence[Job] = (),
    ) -> bool:
        self.answer()
        current = self.records[before.id]
        compared = ("owner", "status", "ends_at", "upload_id")
        if current.deleted_at or any(getattr(current, n) != getattr(before, n) for n in compared):
            return False
        self.records[before.id] = after
        self.trail[before.id].extend(events)
        self.jobs.extend(jobs)
        return True

    async def extend(
        self, record: FileRecord, *, expires_at: datetime, ends_at: datetime, event: FileEvent
    ) -> bool:
        self.answer()
        current = self.records[record.id]
        if not _is_pending(current) or current.ends_at <= event.at:
            return False
        self.records[record.id] = dataclasses.replace(
            current,
            expires_at=max(current.expires_at, expires_at),
            ends_at=max(current.ends_at, ends_at),
            updated_at=max(current.updated_at, event.at),
        )
        self.trail[record.id].append(event)
        return True

    async def append(self, record: FileRecord, event: FileEvent, jobs: Sequence[Job] = ()) -> None:
        self.answer()
        self.trail[record.id].append(event)
        self.jobs.extend(jobs)

    async def defer(self, jobs: Sequence[Job]) -> None:
        self.answer()
        self.jobs.extend(jobs)

    async def events(
        self, owner: str, file_id: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[FileEvent] | None:
        if await self.find(owner, id=file_id) is None:
            return None
        numbered = enumerate(self.trail[file_id], start=1)
        return [dataclasses.replace(e, id=n) for n, e in numbered if n > after][:limit]

    async def load(self, file_id: UUID) -> FileRecord | None:
        self.answer()
        return self.records.get(file_id)

    async def due(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        pending = [r for r in self.records.values() if _is_pending(r)]
        return self._due(pending, lambda r: r.ends_at, now, after, limit)

    async def due_removals(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        return self._due(self.records.values(), lambda r: r.remove_at, now, after, limit)

    async def put_off_removal(self, record: FileRecord, remove_at: datetime | None) -> None:
        self.answer()
        current = self.records[record.id]
        compared = ("status", "deleted_at", "remove_at")
        same = all(getattr(current, n) == getattr(record, n) for n in compared)
        if same and (current.deleted_at or current.status is FileStatus.FAILED):
            self.records[record.id] = dataclasses.replace(current, remove_at=remove_at)

    async def forget_claims(self, before: datetime, *, limit: int) -> int:
        self.answer()
        old = [key for key, (claim, _) in self.claims.items() if claim.at < before][:limit]
        for key in old:
            del self.claims[key]
        return len(old)

    def _due(
        self,
        records: Iterable[FileRecord],
        time: Callable[[FileRecord], datetime | None],
        now: datetime,
        after: FileRecord | None,
        limit: int,
    ) -> list[FileRecord]:
        self.answer()
        timed = [(at, record.id, record) for record in records if (at := time(record))]
        last = None if after is None else (time(after), after.id)
        found = [row for row in sorted(timed, key=lambda row: row[:2]) if row[0] <= now]
        return [row[2] for row in found if last is None or row[:2] > last][:limit]

    def standing(self, owner: str) -> Standing:
        """What the usage repository tells, summed over the records."""
        mine = [record for record in self.records.values() if record.owner == owner]
        held = (held_by(record.status, record.deleted_at, record.file_size) for record in mine)
        limits = self.own_limits.get(owner, self.default_limits)
        return Standing(sum(held, Usage()), limits, owner in self.own_limits)

    def _check_quota(self, owner: str, records: Sequence[FileRecord]) -> None:
        asked = Amount(len(records), sum(record.file_size for record in records))
        error = refusal(self.standing(owner), asked)
        if error is not None:
            raise error

    def _of(self, owner: str) -> list[FileRecord]:
        return [r for r in self.records.values() if r.owner == owner and r.deleted_at is None]

    def answer(self) -> None:
        if self.down:
            raise DatabaseUnavailable("The database does not answer.")


def _is_pending(record: FileRecord) -> bool:
    return record.status is FileStatus.PENDING and record.deleted_at is None
