"""Changes of files in the order in which they can be read without missing one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from app.domain.file import FileStatus

_TEXT = re.compile(r"(\d{1,20})-(\d{1,19})", re.ASCII)
_MAX_XACT, _MAX_ID = 2**64 - 1, 2**63 - 1


class Position(NamedTuple):
    """A place between changes: all of transactions before `xact`, and of it those up to `id`."""

    xact: int
    id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its text, `<xact>-<id>`. Raises ValueError for anything else."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("not a position")
        position = cls(int(match[1]), int(match[2]))
        if position.xact > _MAX_XACT or position.id > _MAX_ID:
            raise ValueError("not a position")
        return position

    def __str__(self) -> str:
        return f"{self.xact}-{self.id}"


class Whose(NamedTuple):
    """Changes of an owner's files, or of that one of them."""

    owner: str
    file_id: UUID | None = None


class Shown(StrEnum):
    """What a file can be said to be: a state, or gone."""

    PENDING = FileStatus.PENDING
    UPLOADED = FileStatus.UPLOADED
    PROCESSING = FileStatus.PROCESSING
    COMPLETED = FileStatus.COMPLETED
    FAILED = FileStatus.FAILED
    DELETED = "deleted"

    @property
    def is_final(self) -> bool:
        """Whether nothing is to be waited for any more."""
        return self in (Shown.COMPLETED, Shown.FAILED, Shown.DELETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a file has become: `before` is None where that is only how it was found."""

    position: Position
    owner: str
    file_id: UUID
    key: str
    status: Shown
    before: FileStatus | None
    at: datetime
    status_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """An answer to what has changed since a position.

    `items` are complete up to `head` unless there were more than asked for. With `is_unsettled`
    there are changes beyond `head`, to be had when older transactions have ended.
    """

    items: Sequence[Change]
    head: Position
    is_unsettled: bool = False
