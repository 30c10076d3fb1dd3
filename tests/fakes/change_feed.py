"""Changes in memory, for what reads them: each is a transaction by itself, already ended."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.domain.change import Change, Changes, Position, Shown
from app.domain.file import FileStatus
from app.exceptions.errors import DatabaseUnavailable


class InMemoryChangeFeed:
    """Set `down` and every call raises `DatabaseUnavailable`; `asked` counts the calls."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.next = 100
        self.asked = 0
        self.down = False

    def happen(self, owner: str = "alice", file_id: UUID | None = None) -> Change:
        """A file has failed."""
        change = Change(
            position=Position(self.next, 1),
            owner=owner,
            file_id=file_id or uuid4(),
            key="key",
            status=Shown.FAILED,
            before=FileStatus.PENDING,
            at=datetime.now(UTC),
            status_reason=None,
        )
        self.changes.append(change)
        self.next += 1
        return change

    async def head(self) -> Position:
        await self._answer()
        return Position(self.next, 0)

    async def since(
        self,
        after: Position,
        *,
        limit: int,
        owner: str | None = None,
        file_id: UUID | None = None,
    ) -> Changes:
        await self._answer()
        found = [
            change
            for change in self.changes
            if change.position > after
            and owner in (None, change.owner)
            and file_id in (None, change.file_id)
        ]
        return Changes(items=found[:limit], head=Position(self.next, 0))

    async def _answer(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)  # as a round trip would
        if self.down:
            raise DatabaseUnavailable("down")
