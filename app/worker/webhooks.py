"""Telling webhooks, beside the jobs: an endpoint may keep it waiting, and holds up none of them."""

import asyncio
from asyncio import FIRST_COMPLETED
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from uuid import UUID

import structlog

from app.domain.webhook import Delivery, Outgoing
from app.exceptions.errors import DatabaseUnavailable, NotReady
from app.service.delivery import DeliveryService

LOOK = 1.0
"""Seconds until a look that nobody asked for: attempts come due, and wakes get lost."""

PAUSE = 0.005
"""Seconds between two looks at least, however often somebody wakes us."""

STOP_TIMEOUT = 10.0
"""Seconds that what is under way has to end by itself; then it is left to the next worker.
Orchestrators kill after 30 (Kubernetes) or 10 (Docker, unless told otherwise)."""

Listen = Callable[[Callable[[], None]], Coroutine[None, None, None]]
"""Calls back when something may have changed, until cancelled."""

log = structlog.get_logger(__name__)


class Deliverer:
    """`run` until `stop`. Up to `at_once` deliveries are under way.

    It looks when woken, and when a delivery has ended: all that have ended meanwhile are noted
    together, and as many claimed anew.
    """

    name = "webhooks"

    def __init__(self, deliveries: DeliveryService, listen: Listen, *, at_once: int) -> None:
        self._deliveries = deliveries
        self._listen = listen
        self._at_once = at_once
        self._woken = asyncio.Event()
        self._stopped = False
        self._is_well = False
        self._under_way: dict[asyncio.Task[None], UUID] = {}
        self._ended: list[Delivery] = []

    def stop(self) -> None:
        """Claim no more, and end when what is under way has ended."""
        self._stopped = True
        self._woken.set()

    async def ping(self) -> None:
        """Raise `NotReady` while nothing is claimed."""
        if not self._is_well:
            raise NotReady("No webhook is told: see the worker's log.")

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen(self._woken.set))
        try:
            while not self._stopped:
                self._woken.clear()
                self._is_well = await self._looked()
                await self._sleep()
        finally:
            listening.cancel()
            await self._end()
            await asyncio.wait({listening})

    async def _sleep(self) -> None:
        await asyncio.sleep(PAUSE)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await self._woken.wait()

    async def _looked(self) -> bool:
        """Whether what has ended could be noted, and what is due be claimed."""
        try:
            await self._note()
            await self._claim()
        except DatabaseUnavailable:
            return False
        except Exception:
            log.exception("deliverer_broke")
            return False
        return True

    async def _note(self) -> None:
        ended, self._ended = self._ended, []
        if not ended:
            return
        try:
            await self._deliveries.note(ended)
        except DatabaseUnavailable:
            self._ended += ended
            raise

    async def _claim(self) -> None:
        free = self._at_once - len(self._under_way)
        under_way = Counter(self._under_way.values())
        for outgoing in await self._deliveries.claim(free, under_way) if free else ():
            task = asyncio.create_task(self._attempt(outgoing))
            self._under_way[task] = outgoing.webhook.id
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._woken.set()

    async def _attempt(self, outgoing: Outgoing) -> None:
        try:
            after = await self._deliveries.attempt(outgoing)
        except asyncio.CancelledError:
            after = outgoing.delivery  # as it was: the next worker need not wait
        except DatabaseUnavailable:
            return  # It comes again when its claim lapses.
        except Exception:
            log.exception("delivery_broke", delivery_id=outgoing.delivery.id)
            after = self._deliveries.failed(outgoing)
        self._ended.append(after)

    async def _end(self) -> None:
        """Nothing is under way any more, and what became of it is noted, if that can be."""
        self._is_well = False
        await self._drain()
        for task in list(self._under_way):
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        if not await self._noted():
            log.warning("deliveries_not_noted", count=len(self._ended))

    async def _drain(self) -> None:
        """Note what ends by itself as soon as it does: whoever stops us may soon kill us."""
        clock = asyncio.get_running_loop().time
        until = clock() + STOP_TIMEOUT
        while self._under_way and (left := until - clock()) > 0:
            await asyncio.wait(self._under_way, timeout=left, return_when=FIRST_COMPLETED)
            await self._noted()

    async def _noted(self) -> bool:
        try:
            await self._note()
        except DatabaseUnavailable:
            return False
        return True
