# ruff: noqa: S608 -- what is put into the texts is column names, states and conditions of ours
"""Files of all owners as operators look at them; docs/adr/0029 says what that reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.database.config import Database
from app.database.models import FileEventModel
from app.domain.failure import BEGINNINGS, MOST_WALKED, Failed, FailureReason
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.history import first_id
from app.domain.page import FilePage
from app.repository.mapping import FILE_COLUMNS, to_event, to_record, to_uuid
from app.repository.statements import LOAD

_LAST = UUID(int=2**128 - 1)

_LISTED = "FROM files WHERE deleted_at IS NULL AND id < $1"
_RECORDS = f"SELECT {', '.join(FILE_COLUMNS)} {_LISTED}"


def _in(status: str) -> str:
    """The condition and the order of a state's files, as only the index by state has them.

    For `status = …` the planner may walk everybody's files, in the belief that some will be soon
    among them.
    """
    return f"(status, id) < ({status}, $1) AND status >= {status} ORDER BY status DESC, id DESC"


OF_STATUS = f"{_RECORDS} AND {_in('$3')} LIMIT $2"
OF_OWNER = f"{_RECORDS} AND owner = $3 ORDER BY id DESC LIMIT $2"
OF_BOTH = f"{_RECORDS} AND owner = $3 AND status = $4 ORDER BY id DESC LIMIT $2"
EVERYBODYS = " UNION ALL ".join(
    f"({_RECORDS} AND {_in(repr(status.value))} LIMIT $2)" for status in FileStatus
)
"""So many of each state: the page is among them."""

_FAILED = _in("'failed'")


def _failed(whose: str) -> str:
    return f"owner = {whose} AND status = 'failed' ORDER BY id DESC"


FLOOR = f"SELECT id {_LISTED} AND {_FAILED} OFFSET $2 LIMIT 1"
FLOOR_OF_OWNER = f"SELECT id {_LISTED} AND {_failed('$3')} OFFSET $2 LIMIT 1"


def _worded(failed: str) -> str:
    """Of so many ($5) that failed those whose words begin ($4: or do not) like one of $3."""
    return f"""
    SELECT * FROM ({_RECORDS} AND {failed} LIMIT $5) AS walked
    WHERE (coalesce(status_reason, '') LIKE ANY($3::text[])) = $4 LIMIT $2
    """


FAILED_FOR = _worded(_FAILED)
FAILED_FOR_OF_OWNER = _worded(_failed("$6"))

FAILURES = f"""
SELECT owner, status_reason AS words, count(*) AS files, max(updated_at) AS latest FROM (
    SELECT owner, status_reason, updated_at FROM files
    WHERE deleted_at IS NULL AND (status, id) >= ('failed', $1) AND status <= 'failed'
    ORDER BY status DESC, id DESC LIMIT {MOST_WALKED}
) AS failed GROUP BY owner, status_reason
"""


class OversightRepository:
    """Every method raises `DatabaseUnavailable` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        owner: str | None = None,
        status: FileStatus | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> FilePage:
        """Files that are not deleted, of anybody or this owner, in any or this state."""
        question = _question(owner, status, before or _LAST, limit + 1)
        return FilePage.of(_newest_first(await self._records(*question)), limit)

    async def failed_for(
        self, reason: FailureReason, *, owner: str | None, before: UUID | None, limit: int
    ) -> FilePage:
        """Files that failed for it, among the next MOST_WALKED that failed at all: fewer than
        `limit` may be found, and more come on the next page."""
        last, whose = before or _LAST, () if owner is None else (owner,)
        beginnings = BEGINNINGS.get(reason) or sum(BEGINNINGS.values(), ())
        patterns, wanted = [f"{words}%" for words in beginnings], reason in BEGINNINGS
        statement = FAILED_FOR if owner is None else FAILED_FOR_OF_OWNER
        found = await self._records(
            statement, last, limit + 1, patterns, wanted, MOST_WALKED, *whose
        )
        return FilePage.of(_newest_first(found), limit, await self._floor(last, whose))

    async def failures(self, since: datetime) -> list[Failed]:
        """Of uploads that began since then, the newest MOST_WALKED that failed."""
        rows = await self._database.ask(
            lambda connection: connection.fetch(FAILURES, first_id(since))
        )
        return [Failed(**row) for row in rows]

    async def load(self, file_id: UUID) -> FileRecord | None:
        """Anybody's file, a deleted one too."""
        found = await self._records(LOAD, file_id)
        return found[0] if found else None

    async def events(self, file_id: UUID, *, after: int = 0, limit: int) -> list[FileEvent]:
        """The audit trail of anybody's file, a deleted one's too; oldest first."""
        query = (
            FileEventModel.objects.filter(file_id=file_id, id__gt=after).order_by("id").limit(limit)
        )
        rows = await self._database.run(lambda _: query.values())
        return [to_event(row) for row in rows]

    async def _floor(self, last: UUID, whose: tuple[str, ...]) -> UUID | None:
        """The id down to which the walk goes, None where it comes to the end."""
        statement = FLOOR_OF_OWNER if whose else FLOOR
        values = (last, MOST_WALKED - 1, *whose)
        floor = await self._database.ask(lambda connection: connection.fetchval(statement, *values))
        return to_uuid(floor) if floor else None

    async def _records(self, statement: str, *values: Any) -> list[FileRecord]:
        rows: Sequence[Any] = await self._database.ask(
            lambda connection: connection.fetch(statement, *values)
        )
        return [to_record(row) for row in rows]


def _question(
    owner: str | None, status: FileStatus | None, last: UUID, limit: int
) -> tuple[Any, ...]:
    if owner is None:
        return (EVERYBODYS, last, limit) if status is None else (OF_STATUS, last, limit, status)
    if status is None:
        return (OF_OWNER, last, limit, owner)
    return (OF_BOTH, last, limit, owner, status)


def _newest_first(records: list[FileRecord]) -> list[FileRecord]:
    return sorted(records, key=lambda record: record.id, reverse=True)
