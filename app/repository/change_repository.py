# ruff: noqa: S608 -- what is put into the texts is conditions of ours
"""The changes of files in the order of their commits, which docs/adr/0021 explains."""

from typing import Any

from app.database.config import Database
from app.database.models import MOVES
from app.domain.change import Change, Changes, Position, Shown, Whose
from app.domain.file import FileStatus
from app.repository.mapping import Row, to_uuid

_HEAD = "SELECT pg_snapshot_xmin(pg_current_snapshot())"

_BOUNDS = """
SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin,
    pg_snapshot_xmax(pg_current_snapshot()) AS xmax
"""


def _since(condition: str, order: str = "line.xact, line.id") -> str:
    """One row at least, for what was asked is the head too.

    Rows of transactions that this server has yet to count up to are another server's: they came
    with a dump.
    """
    return f"""
    SELECT bounds.xmin, moves.xact < bounds.xmin AS is_settled, moves.* FROM ({_BOUNDS}) AS bounds
    LEFT JOIN LATERAL (
        SELECT line.xact, line.id, files.owner, line.file_id, files.key, line.event,
            line.from_status, line.to_status, line.at, files.status, files.status_reason
        FROM file_events AS line JOIN files ON files.id = line.file_id
        WHERE (line.xact, line.id) > ($1::xid8, $2::bigint) AND line.xact < bounds.xmax
            AND ({MOVES}) AND {condition}
        ORDER BY {order} LIMIT $3
    ) AS moves ON true
    """


SINCE = _since("true")
SINCE_OF_OWNER = _since("line.owner = $4")
SINCE_OF_FILE = _since("files.owner = $4 AND line.file_id = $5", order="line.id")
"""Moves of one file wait for one another, so their ids are in order too, for which the index is."""


class ChangeRepository:
    """Implements `ChangeFeed`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> Position:
        xmin = await self._database.run(lambda connection: connection.fetchval(_HEAD))
        return _up_to(xmin)

    async def since(self, after: Position, *, limit: int, of: Whose | None = None) -> Changes:
        question: tuple[Any, ...] = (SINCE, *after, limit)
        if of is not None:
            question = (SINCE_OF_OWNER, *after, limit, of.owner)
            if of.file_id is not None:
                question = (SINCE_OF_FILE, *after, limit, of.owner, of.file_id)
        rows = await self._database.run(lambda connection: connection.fetch(*question))
        settled = [_to_change(row) for row in rows if row["is_settled"]]
        return Changes(
            items=settled,
            head=_up_to(rows[0]["xmin"]),
            is_unsettled=any(row["is_settled"] is False for row in rows),
        )


def _up_to(xmin: int) -> Position:
    """After all of earlier transactions, before any of this one: ids begin with 1."""
    return Position(xmin, 0)


def _to_change(row: Row) -> Change:
    is_deleted = row["event"] == "deleted"
    has_failed = row["to_status"] == FileStatus.FAILED
    return Change(
        position=Position(row["xact"], row["id"]),
        owner=row["owner"],
        file_id=to_uuid(row["file_id"]),
        key=row["key"],
        status=Shown.DELETED if is_deleted else Shown(row["to_status"]),
        # A deleted file does not move any more, so the record still says what it was.
        before=FileStatus(row["status"] if is_deleted else row["from_status"]),
        at=row["at"],
        status_reason=row["status_reason"] if has_failed or is_deleted else None,
    )
