"""The Idempotency-Key header: one key, one request, one outcome within 24 hours."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """An owner's use of a key for a request whose body has this fingerprint (hex SHA-256).

    A use from before `not_before` has lapsed and may be overwritten.
    """

    owner: str
    key: str
    fingerprint: str
    at: datetime

    @property
    def not_before(self) -> datetime:
        return self.at - WINDOW


@dataclass(frozen=True, slots=True)
class EarlierUse:
    """What the key was used for before: the fingerprint then, and the files it created."""

    fingerprint: str
    file_ids: tuple[UUID, ...]
