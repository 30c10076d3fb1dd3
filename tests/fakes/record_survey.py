"""An in-memory twin of the record survey, over the records and events of the file twin."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.domain.file import FileRecord
from app.domain.reconciliation import Entry, has_object
from app.domain.usage import Usage
from tests.fakes.file_repository import InMemoryFileRepository


class InMemoryRecordSurvey:
    """`miscounted` is what a test says of owners, for the twins count nothing ahead."""

    def __init__(self, files: InMemoryFileRepository) -> None:
        self._files = files
        self.miscounted: dict[str, Usage] = {}

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, FileRecord]:
        self._files.answer()
        return {r.key: r for r in self._files.records.values() if r.key in keys}

    async def entries(self, *, after: UUID | None = None, limit: int) -> list[Entry]:
        self._files.answer()
        records = sorted(self._files.records.values(), key=lambda record: record.id)
        later = [record for record in records if after is None or record.id > after]
        return [Entry(r.id, r.key, has_object(r)) for r in later[:limit]]

    async def deletion_asked(self, file_id: UUID) -> datetime | None:
        self._files.answer()
        trail = self._files.trail.get(file_id, [])
        return max((e.at for e in trail if e.event == "delete_requested"), default=None)

    async def miscounts(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        self._files.answer()
        return {owner: self.miscounted[owner] for owner in owners if owner in self.miscounted}

    async def estimate(self) -> int:
        self._files.answer()
        return len(self._files.records)
