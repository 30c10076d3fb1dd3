"""Work that a change makes necessary, committed together with it and done by a worker."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class JobName(StrEnum):
    """What is to be done about one file. Each may run twice, late, or after the file is gone."""

    DISCARD = "discard"
    """Remove what the store holds of a file that failed or was deleted."""
    DELETE = "delete"
    """Finish a deletion that was asked for."""
    LOOK = "look"
    """Look whether the bytes of a pending file have arrived, of which nobody will tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work; `at` is the earliest time for it, None for at once."""

    name: JobName
    file_id: UUID
    at: datetime | None = None
