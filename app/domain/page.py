"""Keyset pages: a row more is asked for than a page holds, which tells whether another follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from app.domain.file import FileRecord

Row = TypeVar("Row")
Mark = TypeVar("Mark")


@dataclass(frozen=True, slots=True)
class FilePage:
    """One page of a listing; `next_before` continues it, None at the end."""

    items: Sequence[FileRecord]
    next_before: UUID | None

    @classmethod
    def of(cls, rows: Sequence[FileRecord], limit: int, rest: UUID | None = None) -> "FilePage":
        """As `cut`."""
        return cls(*cut(rows, limit, lambda record: record.id, rest))


def cut(
    rows: Sequence[Row], limit: int, mark: Callable[[Row], Mark], rest: Mark | None = None
) -> tuple[Sequence[Row], Mark | None]:
    """A page of `limit` rows, and the mark of its last one if `rows` are more; otherwise `rest`,
    where a search that ended early goes on."""
    items = rows[:limit]
    return items, mark(items[-1]) if len(rows) > limit else rest
