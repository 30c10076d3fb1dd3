"""Quotas: what an owner holds, and how much of it they may hold."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from app.domain.file import FileRecord, FileStatus
from app.exceptions.errors import QuotaExceeded


class Quota(StrEnum):
    """What is limited; the names are those of the policy file and of the wire."""

    BYTES = "bytes"
    FILES = "files"
    IN_FLIGHT_BYTES = "in_flight_bytes"


@dataclass(frozen=True, slots=True)
class Amount:
    """So many files, with so many bytes in all."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Self) -> "Amount":
        return Amount(self.files + other.files, self.bytes + other.bytes)

    def __sub__(self, other: Self) -> "Amount":
        return Amount(self.files - other.files, self.bytes - other.bytes)


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Usage:
    """`used` by files that arrived, `reserved` for those that may."""

    used: Amount = NOTHING
    reserved: Amount = NOTHING

    def __add__(self, other: Self) -> "Usage":
        return Usage(self.used + other.used, self.reserved + other.reserved)

    def __sub__(self, other: Self) -> "Usage":
        return Usage(self.used - other.used, self.reserved - other.reserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an owner may hold, None for any amount.

    `bytes` and `files` bound used and reserved together, `in_flight_bytes` the reserved alone.
    """

    bytes: int | None = None
    files: int | None = None
    in_flight_bytes: int | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Standing:
    """An owner's usage and the limits on it, which are the default ones unless `overridden`."""

    usage: Usage
    limits: Limits
    overridden: bool = False


def held_by(status: FileStatus, deleted_at: datetime | None, file_size: int) -> Usage:
    """What one file takes of its owner's quota.

    Its declared size counts: the store holds no other, for nothing else is ever verified. Where
    none was declared the most that it may be is reserved.
    """
    if status is FileStatus.FAILED or deleted_at is not None:
        return Usage()
    amount = Amount(files=1, bytes=file_size)
    return Usage(reserved=amount) if status is FileStatus.PENDING else Usage(used=amount)


def change(before: FileRecord, after: FileRecord) -> Usage:
    """What a move adds to its owner's usage.

    A size that was a limit becomes what it is when the file is verified, and gives back the rest.
    """
    return _held(after) - _held(before)


def _held(record: FileRecord) -> Usage:
    return held_by(record.status, record.deleted_at, record.file_size)


def refusal(standing: Standing, asked: Amount) -> QuotaExceeded | None:
    """Why `asked` cannot be reserved on top, None when it can."""
    held = standing.usage.used + standing.usage.reserved
    limits = standing.limits
    wanted = (
        (Quota.BYTES, limits.bytes, held.bytes + asked.bytes),
        (Quota.FILES, limits.files, held.files + asked.files),
        (
            Quota.IN_FLIGHT_BYTES,
            limits.in_flight_bytes,
            standing.usage.reserved.bytes + asked.bytes,
        ),
    )
    for quota, limit, total in wanted:
        if limit is not None and total > limit:
            return _exceeded(quota, limit, standing.usage, asked)
    return None


_DETAIL = {
    Quota.BYTES: "You may store {limit} bytes: {used} are used and {reserved} reserved, "
    "and this needs {asked}. Delete files, or abort uploads that you have given up.",
    Quota.FILES: "You may have {limit} files: there are {used}, with {reserved} on their way, "
    "and this makes {asked} more. Delete files, or abort uploads that you have given up.",
    Quota.IN_FLIGHT_BYTES: "You may have {limit} bytes on their way at once: {reserved} are, "
    "and this needs {asked}. Finish uploads first, or abort those that you have given up.",
}


def _exceeded(quota: Quota, limit: int, usage: Usage, asked: Amount) -> QuotaExceeded:
    unit = "files" if quota is Quota.FILES else "bytes"
    used, reserved, more = (getattr(a, unit) for a in (usage.used, usage.reserved, asked))
    detail = _DETAIL[quota].format(limit=limit, used=used, reserved=reserved, asked=more)
    return QuotaExceeded(detail, quota=quota, limit=limit, used=used, reserved=reserved)
