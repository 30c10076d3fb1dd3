"""Messages of bucket events that were put aside, until an operator decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.database.config import Database

_PARK = """
INSERT INTO parked_storage_events (message_id, body, reason, parked_at)
VALUES ($1, $2, $3, now()) ON CONFLICT (message_id) DO UPDATE SET reason = excluded.reason
"""
_PAGE = """
SELECT id, message_id, body, reason, parked_at FROM parked_storage_events
WHERE $1::bigint[] IS NULL OR id = ANY($1) ORDER BY id LIMIT $2
"""
_DROP = "DELETE FROM parked_storage_events WHERE id = ANY($1::bigint[]) RETURNING id"


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """`message_id` is the queue's; `body` the message as it came."""

    id: int
    message_id: str
    body: str
    reason: str
    parked_at: datetime


class ParkedEventRepository:
    """Every method raises `DatabaseUnavailable` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(self, message_id: str, body: str, reason: str) -> None:
        """Put one aside; one that is there already stays."""
        # Neither a NUL nor half a surrogate pair can be in PostgreSQL's text.
        plain = body.replace("\x00", "?").encode(errors="replace").decode()
        await self._database.run(
            lambda connection: connection.execute(_PARK, message_id, plain, reason)
        )

    async def page(self, ids: Sequence[int] | None = None, *, limit: int) -> list[ParkedEvent]:
        """Up to `limit` of these, or of all for None, oldest first."""
        rows = await self._database.run(lambda connection: connection.fetch(_PAGE, ids, limit))
        return [ParkedEvent(*row) for row in rows]

    async def drop(self, ids: Sequence[int]) -> list[int]:
        """Forget these; returns which of them were there."""
        rows = await self._database.run(lambda connection: connection.fetch(_DROP, ids))
        return [row["id"] for row in rows]
