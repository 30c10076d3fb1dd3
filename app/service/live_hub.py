"""From one place that reads what has changed to everybody who waits for it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from enum import StrEnum
from uuid import UUID

import structlog

from app.domain.change import Change, Changes, Position
from app.domain.ports import ChangeFeed
from app.exceptions.errors import DatabaseUnavailable

Listen = Callable[[Callable[[], None]], Coroutine[None, None, None]]
"""Calls back when something may have changed, until cancelled."""

MAX_WAITING = 1000
"""Changes that may wait for one reader. All readers share them."""

PAGE = 200
"""Changes read and handed out at once; between two pages readers get their turn."""

LOOK = 1.0
"""Seconds until a look that nobody asked for: wakes get lost with a connection or a process."""

LOOK_AGAIN = 0.03
"""The same while there is something that cannot be read yet."""

PAUSE = 0.02
"""Seconds between two looks at least, however often somebody wakes us."""

_log = structlog.get_logger()


class End(StrEnum):
    """Why a reader is told no more."""

    FINAL = "final"
    """There is nothing left to tell."""
    LEFT = "left"
    """The reader went."""
    SLOW = "slow"
    """More than MAX_WAITING changes waited."""
    EXPIRED = "expired"
    """What proved who reads is no longer valid."""
    CLOSED = "closed"
    """The service ends, or has lost its place: to be resumed at once."""


class Subscription:
    """What one reader of an owner's changes, or those of one file, has still to be told."""

    def __init__(self, owner: str, file_id: UUID | None) -> None:
        self.owner = owner
        self.end: End | None = None
        self._file_id = file_id
        self._waiting: list[Change] = []
        self._news: asyncio.Future[None] | None = None

    def offer(self, change: Change) -> None:
        if self._file_id not in (None, change.file_id) or self.end is not None:
            return
        if len(self._waiting) == MAX_WAITING:
            self.close(End.SLOW)
            return
        self._waiting.append(change)
        self.nudge()

    def close(self, end: End) -> None:
        """Have `next` return nothing. What waits is dropped: the reader resumes where it was."""
        if self.end is None:
            self.end = end
            self._waiting.clear()
            self.nudge()

    def nudge(self) -> None:
        """Have `next` return, be there anything or not."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def next(self) -> list[Change]:
        """All that waits, once there is something; empty if nudged, or if there is no more."""
        if not self._waiting and self.end is None:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        changes, self._waiting = self._waiting, []
        return changes


class LiveHub:
    """Reads while anybody waits: once for all of this process, and when woken.

    Everything that is committed after `subscribe` returned reaches the subscription, if not
    before.
    """

    def __init__(self, feed: ChangeFeed, listen: Listen) -> None:
        self._feed = feed
        self._listen = listen
        self._readers: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # that one, and those that are ending
        self._is_closed = False

    @property
    def readers(self) -> int:
        return sum(map(len, self._readers.values()))

    def readers_of(self, owner: str) -> int:
        return len(self._readers.get(owner, ()))

    async def subscribe(self, owner: str, file_id: UUID | None = None) -> Subscription:
        """A new reader, who must `unsubscribe`. Raises `DatabaseUnavailable`."""
        head = None if self._task else await self._feed.head()
        subscription = Subscription(owner, file_id)
        self._readers[owner].add(subscription)
        if self._is_closed:
            subscription.close(End.CLOSED)
        elif self._task is None and head is not None:
            self._start(head)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        readers = self._readers[subscription.owner]
        readers.discard(subscription)
        if not readers:
            del self._readers[subscription.owner]
        if not self._readers:
            self._stop()

    def end(self) -> None:
        """End every subscription, and those to come."""
        self._is_closed = True
        self._end_all()

    async def close(self) -> None:
        """The same, and wait until nothing runs any more."""
        self.end()
        self._stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, head: Position) -> None:
        # A context of its own: it belongs to no single reader's request.
        task = self._task = asyncio.create_task(self._run(head), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _end_all(self) -> None:
        for readers in self._readers.values():
            for subscription in readers:
                subscription.close(End.CLOSED)

    async def _run(self, position: Position) -> None:
        listening = asyncio.create_task(self._listen(self._woken.set))
        try:
            while True:
                position, is_unsettled = await self._look(position)
                await asyncio.sleep(PAUSE)
                await self._wake(LOOK_AGAIN if is_unsettled else LOOK)
        except Exception:
            _log.exception("live status stopped")
            self._task = None
            self._end_all()  # who comes back starts another one
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _wake(self, seconds: float) -> None:
        """When woken, or after that many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _look(self, position: Position) -> tuple[Position, bool]:
        """Deliver what is new: where that ends, and whether more of it cannot be read yet."""
        self._woken.clear()
        while True:
            try:
                changes = await self._feed.since(position, limit=PAGE)
            except DatabaseUnavailable:
                return position, False
            self._deliver(changes, position)
            if len(changes.items) < PAGE:
                return changes.head, changes.is_unsettled
            position = changes.items[-1].position

    def _deliver(self, changes: Changes, position: Position) -> None:
        if changes.head < position:
            _log.warning("the database has lost its last transactions: readers start again")
            self._end_all()
        for change in changes.items:
            for subscription in self._readers.get(change.owner, ()):
                subscription.offer(change)
