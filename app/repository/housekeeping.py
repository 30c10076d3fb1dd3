"""What the worker alone asks: records of any owner whose time has come."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.database.config import Database
from app.domain.file import FileRecord
from app.repository import statements
from app.repository.mapping import to_record

_BEGINNING = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
"""Before every time and every id there is."""


class Housekeeping:
    """These questions of `FileRepository`, each answered in the order of an index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, file_id: UUID) -> FileRecord | None:
        found = await self._records(statements.LOAD, file_id)
        return found[0] if found else None

    async def due(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        last = (after.ends_at, after.id) if after else _BEGINNING
        return await self._records(statements.DUE, now, *last, limit)

    async def due_removals(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        last = (after.remove_at, after.id) if after else _BEGINNING
        return await self._records(statements.DUE_REMOVALS, now, *last, limit)

    async def put_off_removal(self, record: FileRecord, remove_at: datetime | None) -> None:
        values = (record.id, record.status, record.deleted_at, record.remove_at, remove_at)
        await self._database.ask(
            lambda connection: connection.execute(statements.PUT_OFF_REMOVAL, *values)
        )

    async def forget_claims(self, before: datetime, *, limit: int) -> int:
        dropped: int = await self._database.ask(
            lambda connection: connection.fetchval(statements.FORGET_CLAIMS, before, limit)
        )
        return dropped

    async def _records(self, statement: str, *values: Any) -> list[FileRecord]:
        rows: Sequence[Any] = await self._database.ask(
            lambda connection: connection.fetch(statement, *values)
        )
        return [to_record(row) for row in rows]
