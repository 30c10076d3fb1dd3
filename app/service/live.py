"""Telling an owner what becomes of their files, as it happens and without a gap."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from app.domain.change import Change, Changes, Position, Shown, Whose
from app.domain.file import FileRecord
from app.domain.ports import ChangeFeed, FileRepository
from app.domain.principal import Principal
from app.exceptions.errors import TooManyStreams
from app.service.live_hub import End, LiveHub, Subscription
from app.service.live_stream import Item, Opened, Stream
from app.service.ownership import owned

MAX_MISSED = 1000
"""Changes that a reader who comes back is told one by one; beyond it a listing is cheaper."""

RETRY_AFTER = 10
"""Seconds, for a reader for whom there is no room."""


class LiveService:
    """Opens streams: up to `max_streams` in this process, `max_per_owner` of them for one owner.

    Both methods take the position of the last change that the caller has been told of, and raise
    `TooManyStreams` and `DatabaseUnavailable`. A position of another database, or one with more
    than MAX_MISSED changes after it, is answered as if there had been none, and says so.
    """

    def __init__(
        self,
        *,
        hub: LiveHub,
        feed: ChangeFeed,
        repository: FileRepository,
        max_streams: int,
        max_per_owner: int,
        on_open: Callable[[], None] = lambda: None,
        on_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._hub = hub
        self._feed = feed
        self._repository = repository
        self._max_streams = max_streams
        self._max_per_owner = max_per_owner
        self._on_open = on_open
        self._on_end = on_end

    @property
    def readers(self) -> int:
        """Streams that are open now."""
        return self._hub.readers

    async def open_all(self, principal: Principal, last: Position | None) -> Stream:
        """The changes of all files of the caller."""
        owner = principal.subject
        self._check_room(owner)
        subscription = await self._hub.subscribe(owner)
        with self._unless_it_fails(subscription):
            head = await self._feed.head()
            missed = await self._missed(head, last, Whose(owner))
            if missed is not None:
                return self._stream(subscription, missed.items, missed.head)
            return self._stream(subscription, [Opened(head, is_reset=last is not None)], head)

    async def open_file(
        self, principal: Principal, file_id: UUID, last: Position | None
    ) -> Stream | None:
        """The file as it is, if not to be resumed, then its changes up to the final one.

        None when the caller has been told that one. Raises `NotFound` for another owner's file.
        """
        owner = principal.subject
        self._check_room(owner)
        subscription = await self._hub.subscribe(owner, file_id)
        with self._unless_it_fails(subscription):
            # In this order: what the record does not show yet comes after `head`, and what it does
            # has not been told only if it is among those missed.
            head = await self._feed.head()
            record = await owned(self._repository, principal.subject, id=file_id)
            missed = await self._missed(head, last, Whose(owner, file_id))
            if missed is None:
                return self._stream(subscription, [_found(record, head)], head, file=True)
            if _is_over(record, missed):
                self._hub.unsubscribe(subscription)
                return None
            return self._stream(subscription, missed.items, missed.head, file=True)

    def end(self) -> None:
        """End every stream, and those to come."""
        self._hub.end()

    async def close(self) -> None:
        await self._hub.close()

    def _check_room(self, owner: str) -> None:
        for there, most, whose in (
            (self._hub.readers_of(owner), self._max_per_owner, "You have"),
            (self.readers, self._max_streams, "There are"),
        ):
            if there >= most:
                raise TooManyStreams(
                    f"{whose} {there} streams open already; close some, or try again later.",
                    retry_after=RETRY_AFTER,
                )

    @contextmanager
    def _unless_it_fails(self, subscription: Subscription) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._hub.unsubscribe(subscription)
            raise

    async def _missed(self, head: Position, last: Position | None, whose: Whose) -> Changes | None:
        """What came after `last`, None where that cannot be told."""
        if last is None or last > head:
            return None
        changes = await self._feed.since(last, limit=MAX_MISSED + 1, of=whose)
        return changes if len(changes.items) <= MAX_MISSED else None

    def _stream(
        self,
        subscription: Subscription,
        first: Sequence[Item],
        after: Position,
        *,
        file: bool = False,
    ) -> Stream:
        self._on_open()
        return Stream(subscription, first, after, ends_with_file=file, on_close=self._forget)

    def _forget(self, subscription: Subscription) -> None:
        self._hub.unsubscribe(subscription)
        self._on_end(subscription.end or End.LEFT)


def _found(record: FileRecord, head: Position) -> Change:
    return Change(
        position=head,
        owner=record.owner,
        file_id=record.id,
        key=record.key,
        status=Shown(record.status),
        before=None,
        at=record.updated_at,
        status_reason=record.status_reason,
    )


def _is_over(record: FileRecord, missed: Changes) -> bool:
    """Whether there was nothing left to tell."""
    return Shown(record.status).is_final and not (missed.items or missed.is_unsettled)
