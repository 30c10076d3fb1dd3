"""Uploads over time: the periods that are looked at, and what became of what began in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

MOST_PERIODS = 48

MOST_COUNTED = 100_000
"""Of each end in each period no more are counted: the cost of asking stays bounded."""

_TIMESTAMP_SHIFT = 80
"""Bits of a UUIDv7 after its 48 bits of milliseconds, RFC 9562 section 5.7."""


class Interval(StrEnum):
    """How long a period is. All begin with a full hour or day of UTC."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return timedelta(hours=1) if self is Interval.HOUR else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`."""

    start: datetime
    end: datetime

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The ids of the files that began in it: from the first until before the second."""
        return first_id(self.start), first_id(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How many uploads began in the period from `at` on, by the state that they are in now.

    Those that were deleted count as that alone. No figure goes beyond MOST_COUNTED.
    """

    at: datetime
    pending: int = 0
    uploaded: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    deleted: int = 0


def periods(interval: Interval, count: int, now: datetime) -> list[Period]:
    """The last `count`, oldest first; the last of them is the one that `now` is in."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    length = interval.length
    current = midnight + (now - midnight) // length * length
    starts = [current - number * length for number in reversed(range(count))]
    return [Period(start, start + length) for start in starts]


def first_id(at: datetime) -> UUID:
    """Before every UUIDv7 of that millisecond, and after those of the one before."""
    return UUID(int=int(at.timestamp() * 1000) << _TIMESTAMP_SHIFT)
