# ruff: noqa: S608 -- what is put into the texts is column names of ours
"""What reconciling asks of the records of all owners."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.database.config import Database
from app.domain.file import DOWNLOADABLE, FileRecord
from app.domain.reconciliation import Entry
from app.domain.usage import Usage
from app.repository.mapping import FILE_COLUMNS, to_record
from app.repository.quota_statements import COUNTERS, SUMS, to_usage

_BY_KEYS = f"SELECT {', '.join(FILE_COLUMNS)} FROM files WHERE key = ANY($1::text[])"

# Records without an object are read as well: a page costs the same however rare the others are.
_ENTRIES = """
SELECT id, key, deleted_at IS NULL AND status = ANY($1::text[]) AS has_object
FROM files WHERE id > $2 ORDER BY id LIMIT $3
"""
_STATES = sorted(DOWNLOADABLE)
_BEGINNING = UUID(int=0)

_DELETION_ASKED = (
    "SELECT max(at) FROM file_events WHERE file_id = $1 AND event = 'delete_requested'"
)

_MISSING = ", ".join(f"counted.{name} - coalesce(held.{name}, 0) AS {name}" for name in COUNTERS)
_MISCOUNTS = f"""
SELECT * FROM (
    SELECT asked.owner, {_MISSING}
    FROM unnest($1::text[]) AS asked (owner)
    LEFT JOIN usages AS held ON held.owner = asked.owner
    CROSS JOIN LATERAL (
        SELECT {SUMS} FROM files
        WHERE files.owner = asked.owner AND deleted_at IS NULL AND status <> 'failed'
    ) AS counted
) AS missing
WHERE {" OR ".join(f"{name} <> 0" for name in COUNTERS)}
"""
"""One snapshot shows each change to a file with its change to the counters, or neither."""

_ESTIMATE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'files'::regclass"


class PostgresRecordSurvey:
    """Implements `RecordSurvey`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, FileRecord]:
        rows = await self._fetch(_BY_KEYS, keys)
        return {row["key"]: to_record(row) for row in rows}

    async def entries(self, *, after: UUID | None = None, limit: int) -> list[Entry]:
        rows = await self._fetch(_ENTRIES, _STATES, after or _BEGINNING, limit)
        return [Entry(*row) for row in rows]

    async def deletion_asked(self, file_id: UUID) -> datetime | None:
        [row] = await self._fetch(_DELETION_ASKED, file_id)
        asked: datetime | None = row["max"]
        return asked

    async def miscounts(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        rows = await self._fetch(_MISCOUNTS, owners)
        return {row["owner"]: to_usage([row[name] for name in COUNTERS]) for row in rows}

    async def estimate(self) -> int:
        [row] = await self._fetch(_ESTIMATE)
        return int(row["greatest"])

    async def _fetch(self, statement: str, *values: Any) -> Sequence[Any]:
        return await self._database.ask(lambda connection: connection.fetch(statement, *values))
