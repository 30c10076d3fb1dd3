"""Waking those who LISTEN, after the commit of what they are woken for.

PostgreSQL holds one lock of the whole cluster from a NOTIFY until its transaction is on disk, so
that a statement which notifies commits alone. By itself a NOTIFY writes nothing, and waits for no
disk: docs/adr/0021.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context

from app.exceptions.errors import DatabaseUnavailable

CHANNEL = "slipway_files"
"""Where PostgreSQL says, without any content, that a file has changed."""

PAUSE = 0.02
"""Seconds between two rings of a process, however often it is asked to ring."""


class Doorbell:
    """Calls `notify` soon after each ring, for all rings meanwhile at once.

    A call that fails is not repeated: who listens looks now and then without being woken.
    """

    def __init__(self, notify: Callable[[], Awaitable[object]]) -> None:
        self._notify = notify
        self._rung = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_ringing(self) -> bool:
        """Whether a call is under way, or the pause after it."""
        return self._task is not None and not self._task.done()

    def ring(self) -> None:
        self._rung = True
        if not self.is_ringing:
            # A context of its own: it belongs to no single request.
            self._task = asyncio.create_task(self._answer(), context=Context())

    async def close(self) -> None:
        """Ring no more; a call under way has ended."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _answer(self) -> None:
        while self._rung:
            self._rung = False
            with suppress(DatabaseUnavailable):
                await self._notify()
            await asyncio.sleep(PAUSE)
