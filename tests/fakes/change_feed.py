"""Changes in memory, for what reads them, held to the same contract suite as the real feed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.domain.change import Change, Changes, Position, Shown, Whose
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.transition import moved
from app.exceptions.errors import DatabaseUnavailable
from tests.support.records import a_record


class InMemoryChangeFeed:
    """Transactions have ended as soon as they begin, so nothing is ever unsettled.

    Set `down` and every call raises `DatabaseUnavailable`; `asked` counts the calls.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.next = 100
        self.asked = 0
        self.down = False

    def happen(self, owner: str = "alice", file_id: UUID | None = None) -> Change:
        """A file has failed."""
        record = a_record(owner=owner, id=file_id or uuid4())
        [change] = self.commit(*moved(record, (FileStatus.FAILED,), "worker", datetime.now(UTC)))
        return change

    def commit(self, after: FileRecord, events: Sequence[FileEvent]) -> list[Change]:
        """The changes in a transaction that made the record `after` and added these events."""
        numbered = enumerate(filter(_is_change, events), start=1)
        changes = [_to_change(Position(self.next, n), after, event) for n, event in numbered]
        self.changes += changes
        self.next += 1
        return changes

    async def head(self) -> Position:
        await self._answer()
        return Position(self.next, 0)

    async def since(self, after: Position, *, limit: int, of: Whose | None = None) -> Changes:
        await self._answer()
        head = Position(self.next, 0)
        found = [
            change
            for change in self.changes
            if after < change.position < head
            and of in (None, Whose(change.owner), Whose(change.owner, change.file_id))
        ]
        found.sort(key=lambda change: change.position)
        return Changes(items=found[:limit], head=head)

    async def _answer(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)  # as a round trip would
        if self.down:
            raise DatabaseUnavailable("down")


def _is_change(event: FileEvent) -> bool:
    return event.from_status is not None or event.event == "deleted"


def _to_change(position: Position, after: FileRecord, event: FileEvent) -> Change:
    status = Shown.DELETED if event.to_status is None else Shown(event.to_status)
    has_reason = status in (Shown.FAILED, Shown.DELETED)
    return Change(
        position=position,
        owner=after.owner,
        file_id=after.id,
        key=after.key,
        status=status,
        before=event.from_status or after.status,
        at=event.at,
        status_reason=after.status_reason if has_reason else None,
    )
