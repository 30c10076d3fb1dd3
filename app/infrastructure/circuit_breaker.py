"""Calls to a helper that the service can do without."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger()


class CircuitBreaker:
    """Runs blocking calls in a few threads of its own and gives up on them for a while.

    After a failure, or `deadline` seconds without an answer, every call is skipped for
    `cooldown` seconds; then one call tries again while the others are still skipped.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        deadline: float,
        cooldown: float,
        on_failure: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._deadline = deadline
        self._cooldown = cooldown
        self._on_failure = on_failure
        self._clock = clock
        self._broken = False
        self._retry_at = -float("inf")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What `function` returns, or None when it failed or was skipped."""
        if self._clock() < self._retry_at:
            return None
        probing = self._broken
        if probing:
            self._retry_at = self._clock() + self._cooldown
        try:
            async with asyncio.timeout(self._deadline):
                result = await self._run(function, *args, **kwargs)
        except Exception as error:
            self._failed(error)
            return None
        if probing:
            self._mended()
        return result

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **kwargs))

    def _failed(self, error: Exception) -> None:
        self._on_failure()
        self._retry_at = self._clock() + self._cooldown
        if not self._broken:
            self._broken = True
            _log.warning(
                "helper failed, going on without it",
                helper=self._name,
                error=type(error).__name__,
                reason=str(error),
            )

    def _mended(self) -> None:
        self._broken = False
        self._retry_at = -float("inf")
        _log.info("helper is back", helper=self._name)
