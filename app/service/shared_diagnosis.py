"""One diagnosis at a time for all who ask, and none twice within a few seconds."""

import asyncio
import time
from collections.abc import Callable

from app.domain.diagnosis import Diagnosis
from app.service.doctor import Doctor

KEPT = 10.0
"""Seconds. A diagnosis costs the store some fifty requests, and may hold up no one else's."""


class SharedDiagnosis:
    """`Doctor.examine` of everything, without fixing."""

    def __init__(
        self, doctor: Doctor, *, kept: float = KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._doctor = doctor
        self._kept = kept
        self._clock = clock
        self._made_at = -float("inf")
        self._running: asyncio.Task[Diagnosis] | None = None

    async def read(self) -> Diagnosis:
        """The diagnosis under way or, if it is older than `kept` seconds, a new one."""
        if self._running is None or self._is_stale(self._running):
            self._running = asyncio.create_task(self._examine())
        return await asyncio.shield(self._running)

    def _is_stale(self, task: asyncio.Task[Diagnosis]) -> bool:
        return task.done() and self._clock() - self._made_at >= self._kept

    async def _examine(self) -> Diagnosis:
        try:
            return await self._doctor.examine()
        finally:
            self._made_at = self._clock()

    async def close(self) -> None:
        """Give up the diagnosis under way, which removes what it has put into the store."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
