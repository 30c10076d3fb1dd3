"""An in-memory twin of the repository, held to the same contract suite as the real one."""

import dataclasses
from collections.abc import Sequence
from uuid import UUID

from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.exceptions.errors import DatabaseUnavailable


class InMemoryFileRepository:
    """Set `down` and every call raises `DatabaseUnavailable`, as when PostgreSQL is gone."""

    def __init__(self) -> None:
        self.records: dict[UUID, FileRecord] = {}
        self.trail: dict[UUID, list[FileEvent]] = {}
        self.claims: dict[tuple[str, str], tuple[IdempotencyClaim, EarlierUse]] = {}
        self.down = False

    async def insert(self, record: FileRecord, event: FileEvent) -> None:
        await self.insert_many([(record, event)])

    async def insert_many(self, created: Sequence[tuple[FileRecord, FileEvent]]) -> None:
        self._answer()
        for record, event in created:
            self.records[record.id] = record
            self.trail[record.id] = [event]

    async def insert_once(
        self, claim: IdempotencyClaim, created: Sequence[tuple[FileRecord, FileEvent]]
    ) -> EarlierUse | None:
        self._answer()
        earlier = self.claims.get((claim.owner, claim.key))
        if earlier is not None and earlier[0].at >= claim.not_before:
            return earlier[1]
        use = EarlierUse(claim.fingerprint, tuple(record.id for record, _ in created))
        self.claims[claim.owner, claim.key] = (claim, use)
        await self.insert_many(created)
        return None

    async def find(
        self, owner: str, *, id: UUID | None = None, key: str | None = None
    ) -> FileRecord | None:
        self._answer()
        found = [r for r in self._of(owner) if r.id == id or r.key == key]
        return found[0] if found else None

    async def find_all(self, owner: str, ids: Sequence[UUID]) -> list[FileRecord]:
        self._answer()
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
        self._answer()
        rows = [
            record
            for record in self._of(owner)
            if status in (None, record.status)
            and policy in (None, record.policy)
            and (before is None or record.id < before)
        ]
        return sorted(rows, key=lambda record: record.id, reverse=True)[:limit]

    async def move(
        self, before: FileRecord, after: FileRecord, events: Sequence[FileEvent]
    ) -> bool:
        self._answer()
        current = self.records[before.id]
        if current.status is not before.status or current.deleted_at is not None:
            return False
        self.records[before.id] = after
        self.trail[before.id].extend(events)
        return True

    async def append(self, record: FileRecord, event: FileEvent) -> None:
        self._answer()
        self.trail[record.id].append(event)

    async def events(
        self, owner: str, file_id: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[FileEvent] | None:
        if await self.find(owner, id=file_id) is None:
            return None
        numbered = enumerate(self.trail[file_id], start=1)
        return [dataclasses.replace(e, id=n) for n, e in numbered if n > after][:limit]

    def _of(self, owner: str) -> list[FileRecord]:
        return [r for r in self.records.values() if r.owner == owner and r.deleted_at is None]

    def _answer(self) -> None:
        if self.down:
            raise DatabaseUnavailable("The database does not answer.")
