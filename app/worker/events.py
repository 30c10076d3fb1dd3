"""Bucket events from a queue: fetched, dealt with, and only then deleted."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import structlog

from app.exceptions.errors import DatabaseUnavailable, InvalidRequest, NotReady, RetryableError
from app.infrastructure.events.sqs import QueuedMessage, QueueUnavailable

RECEIVERS = 4
"""Calls for messages at once; each brings ten at most, which are dealt with together."""

VISIBILITY = 30
"""Seconds that a message is hidden from others; it is hidden again while it is being dealt with,
and after this time it comes to somebody else when its worker dies."""

FIRST_DELAY, LONGEST_DELAY = 5, 900
"""Seconds until a message comes again that could not be dealt with, doubled each time."""

MAX_RECEIVES = 100
"""About a day of delays; then it is parked, where the queue has no dead-letter queue."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds without a call while nothing succeeds, doubled each time: an outage shall not use up the
receives after which a queue gives a message up."""

STOP_TIMEOUT = 10.0
"""Seconds that messages under way have to be dealt with; the rest come again to others."""

log = structlog.get_logger(__name__)


class Fate(StrEnum):
    DONE = "done"
    POSTPONED = "postponed"
    """It comes again."""
    PARKED = "parked"
    """It is put aside in the database, and deleted."""
    REDRIVEN = "redriven"
    """It comes again until its queue gives it to the dead-letter queue."""


class Queue(Protocol):
    async def receive(self) -> list[QueuedMessage]: ...

    async def delete(self, messages: Sequence[QueuedMessage]) -> None: ...

    async def hide(self, messages: Mapping[QueuedMessage, int]) -> None: ...

    async def has_dead_letters(self) -> bool: ...


class EventConsumer:
    """`run` until `stop`.

    `take` deals with the body of a message, `park` puts a message aside with the reason; both may
    see the same message again.
    """

    name = "storage_events"

    def __init__(
        self,
        queue: Queue,
        *,
        take: Callable[[str], Awaitable[object]],
        park: Callable[[QueuedMessage, str], Awaitable[None]],
        on_messages: Callable[[str, int], None],
        on_error: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._take = take
        self._park = park
        self._on_messages = on_messages
        self._on_error = on_error
        self._stopped = asyncio.Event()
        self._error: str | None = None

    def stop(self) -> None:
        """Receive no more, and end when what was received is dealt with."""
        self._stopped.set()

    async def ping(self) -> None:
        """Raise `NotReady` while the queue does not answer."""
        if self._error is not None:
            raise NotReady(f"S3_EVENTS_QUEUE_URL does not answer ({self._error}): see the log.")

    async def run(self) -> None:
        receivers = [asyncio.create_task(self._receive_on()) for _ in range(RECEIVERS)]
        await self._stopped.wait()
        _, late = await asyncio.wait(receivers, timeout=STOP_TIMEOUT)
        for receiver in late:
            receiver.cancel()
        await asyncio.wait(receivers)

    async def _receive_on(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            if await self._round():
                pause = FIRST_PAUSE
            else:
                await self._unless_stopped(asyncio.sleep(pause))
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _round(self) -> bool:
        """Whether it went well: the queue answered, and something could be dealt with."""
        try:
            messages = await self._unless_stopped(self._queue.receive()) or []
            self._answered()
            return await self._deal_with(messages) if messages else True
        except QueueUnavailable as error:
            self._failed(str(error))
        except Exception:
            log.exception("event_consumer_broke")
        return False

    async def _unless_stopped(self, work: Awaitable[Any]) -> Any:
        """Its result; None when the end comes first."""
        task, end = asyncio.ensure_future(work), asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            end.cancel()

    async def _deal_with(self, messages: Sequence[QueuedMessage]) -> bool:
        hiding = asyncio.create_task(self._keep_hidden(messages))
        try:
            fates = await asyncio.gather(*map(self._fate, messages))
        finally:
            hiding.cancel()
        by_fate: dict[Fate, list[QueuedMessage]] = {fate: [] for fate in Fate}
        for message, fate in zip(messages, fates, strict=True):
            by_fate[fate].append(message)
        for fate, some in by_fate.items():
            if some:
                self._on_messages(fate, len(some))
        await self._queue.hide(
            {message: delay(message.receives) for message in by_fate[Fate.POSTPONED]}
            | dict.fromkeys(by_fate[Fate.REDRIVEN], 0)
        )
        await self._queue.delete([*by_fate[Fate.DONE], *by_fate[Fate.PARKED]])
        return len(by_fate[Fate.POSTPONED]) < len(messages)

    async def _keep_hidden(self, messages: Sequence[QueuedMessage]) -> None:
        while True:
            await asyncio.sleep(VISIBILITY / 3)
            try:
                await self._queue.hide(dict.fromkeys(messages, VISIBILITY))
            except QueueUnavailable as error:
                self._failed(str(error))

    async def _fate(self, message: QueuedMessage) -> Fate:
        try:
            await self._take(message.body)
        except InvalidRequest as error:
            return await self._give_up(message, error.detail)
        except RetryableError as error:
            log.warning("event_postponed", message_id=message.id, code=error.code)
            return await self._try_again(message, error.detail)
        except Exception as error:
            log.exception("event_broke", message_id=message.id)
            return await self._try_again(message, type(error).__name__)
        return Fate.DONE

    async def _try_again(self, message: QueuedMessage, reason: str) -> Fate:
        if message.receives < MAX_RECEIVES:
            return Fate.POSTPONED
        return await self._give_up(message, reason)

    async def _give_up(self, message: QueuedMessage, reason: str) -> Fate:
        if await self._has_dead_letters():
            log.warning("event_left_to_dead_letters", message_id=message.id, reason=reason)
            return Fate.REDRIVEN
        try:
            await self._park(message, reason)
        except DatabaseUnavailable:
            return Fate.POSTPONED
        log.error("event_parked", message_id=message.id, reason=reason)
        return Fate.PARKED

    async def _has_dead_letters(self) -> bool:
        """Without the right to ask there may be none: parking loses nothing."""
        try:
            return await self._queue.has_dead_letters()
        except QueueUnavailable as error:
            self._failed(str(error))
            return False

    def _answered(self) -> None:
        if self._error is not None:
            log.info("event_queue_answers_again")
        self._error = None

    def _failed(self, error: str) -> None:
        self._on_error()
        if self._error is None:
            log.warning("event_queue_unavailable", error=error)
        self._error = error


def delay(receives: int) -> int:
    """Seconds until a message comes again after so many receives."""
    return min(FIRST_DELAY << min(receives - 1, 20), LONGEST_DELAY)
