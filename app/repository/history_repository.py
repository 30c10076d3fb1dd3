# ruff: noqa: S608 -- what is put into the texts is states and conditions of ours
"""What became of uploads over time, in PostgreSQL."""

from collections.abc import Sequence
from operator import attrgetter

from app.database.config import Database
from app.domain.file import FileStatus
from app.domain.history import MOST_COUNTED, Outcomes, Period

_ENDS = {status.value: f"status = '{status}' AND deleted_at IS NULL" for status in FileStatus} | {
    "deleted": "deleted_at IS NOT NULL"
}


def _counted(end: str, condition: str) -> str:
    return f"""(SELECT count(*) FROM (
        SELECT FROM files
        WHERE {condition} AND id >= period.first_id AND id < period.next_id LIMIT {MOST_COUNTED}
    ) AS counted) AS {end}"""


def _outcomes(whose: str) -> str:
    counts = ", ".join(_counted(end, f"{state} AND {whose}") for end, state in _ENDS.items())
    return f"""
    SELECT period.at, {counts}
    FROM unnest($1::timestamptz[], $2::uuid[], $3::uuid[]) AS period (at, first_id, next_id)
    """


OUTCOMES = _outcomes("true")
OUTCOMES_OF_OWNER = _outcomes("owner = $4")
"""Starts, first ids and ids after the last of the periods, and the owner. Ids grow with time."""


class HistoryRepository:
    """Raises `DatabaseUnavailable` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def outcomes(self, periods: Sequence[Period], owner: str | None = None) -> list[Outcomes]:
        """One for each period, oldest first: of this owner's uploads, or of everybody's."""
        firsts, nexts = zip(*(period.ids for period in periods), strict=True)
        asked = ([period.start for period in periods], list(firsts), list(nexts))
        question = (OUTCOMES, *asked) if owner is None else (OUTCOMES_OF_OWNER, *asked, owner)
        rows = await self._database.ask(lambda connection: connection.fetch(*question))
        return sorted((Outcomes(**row) for row in rows), key=attrgetter("at"))
