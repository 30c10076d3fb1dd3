"""Store against records: what can be wrong with either, and how it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.domain.file import DOWNLOADABLE, FileRecord, FileStatus
from app.domain.ports import ListedObject
from app.domain.removal import is_unwanted
from app.domain.usage import Usage

AT_REST = timedelta(minutes=10)
"""What changed later than this is left to those who are still at work on it: clients, the worker's
jobs and their first retries, a sweep."""

STRANGE_FOR = timedelta(hours=24)
"""An object without a record is removed at this age at the earliest, when asked to."""


class Kind(StrEnum):
    """One way in which store and records can disagree."""

    OBJECT_MISSING = "object_missing"
    """The record says that the object arrived; the store does not have it."""
    OBJECT_CHANGED = "object_changed"
    """The store has another object than the one that was verified."""
    UPLOAD_UNREPORTED = "upload_unreported"
    """A pending record whose object has arrived."""
    UPLOAD_OVERDUE = "upload_overdue"
    """A pending record past its end."""
    DELETION_UNFINISHED = "deletion_unfinished"
    """The object was removed for a deletion that the record does not show."""
    OBJECT_LEFT_OVER = "object_left_over"
    """The object of a file that failed or was deleted."""
    PARTS_LEFT_OVER = "parts_left_over"
    """The unfinished multipart upload of a file that failed or was deleted."""
    PARTS_STRAY = "parts_stray"
    """An unfinished multipart upload that can no longer become its record's object."""
    OBJECT_UNKNOWN = "object_unknown"
    """An object without a record."""
    PARTS_UNKNOWN = "parts_unknown"
    """An unfinished multipart upload without a record."""
    USAGE_MISCOUNTED = "usage_miscounted"
    """An owner's counters are not the sum of their records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement; what does not belong to its kind is empty.

    `at` is when the object or the multipart upload came to be.
    """

    kind: Kind
    file_id: UUID | None = None
    owner: str = ""
    key: str = ""
    upload_id: str = ""
    at: datetime | None = None
    detail: str = ""
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """As much of a record as it takes to look for its object."""

    id: UUID
    key: str
    has_object: bool


class RecordSurvey(Protocol):
    """Questions over the records of all owners, deleted ones included.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer.
    """

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, FileRecord]:
        """The records with these keys."""
        ...

    async def entries(self, *, after: UUID | None = None, limit: int) -> list[Entry]:
        """Up to `limit` records by ascending id, each greater than `after`."""
        ...

    async def deletion_asked(self, file_id: UUID) -> datetime | None:
        """When the owner last wanted the file gone."""
        ...

    async def miscounts(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        """What is missing from the counters of those owners for whom they are not the sum."""
        ...

    async def estimate(self) -> int:
        """About how many records there are."""
        ...


def has_object(record: FileRecord) -> bool:
    """Whether the store must hold the record's object."""
    return record.status in DOWNLOADABLE and record.deleted_at is None


def listed_otherwise(record: FileRecord, listed: ListedObject) -> bool:
    """Whether another object is listed than was verified; an ETag tells other bytes apart."""
    return listed.etag != record.etag


def judge_object(record: FileRecord | None, *, differs: bool, before: datetime) -> Kind | None:
    """What is wrong with an object that has been there since `before` or longer.

    `differs`: it is not the one that the record describes. A pending record that ended before is
    overdue, whether or not its object is there.
    """
    if record is None:
        return Kind.OBJECT_UNKNOWN
    if is_unwanted(record):
        return Kind.OBJECT_LEFT_OVER if record.updated_at <= before else None
    if record.status is FileStatus.PENDING:
        return Kind.UPLOAD_UNREPORTED if record.ends_at > before else None
    return Kind.OBJECT_CHANGED if differs else None


def judge_upload(record: FileRecord | None, upload_id: str, *, before: datetime) -> Kind | None:
    """What is wrong with an unfinished multipart upload that was begun at `before` or earlier.

    A pending record that names none may be about to; one that names another never will.
    """
    if record is None:
        return Kind.PARTS_UNKNOWN
    if is_unwanted(record):
        return Kind.PARTS_LEFT_OVER if record.updated_at <= before else None
    if record.status is FileStatus.PENDING and record.upload_id in (None, upload_id):
        return None
    return Kind.PARTS_STRAY
