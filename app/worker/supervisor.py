"""Keeps procrastinate's worker at work for as long as this process lives.

procrastinate's worker ends when the database does not answer: here it is started anew, after a
pause, as often as it takes.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition

from app.exceptions.errors import NotReady
from app.worker.jobs import FILES, FORMER, MAINTENANCE
from app.worker.observation import WORKER_NAME, Observer
from app.worker.stalled import HEARTBEAT, STALLED_AFTER

STOP_TIMEOUT = 10.0
"""Seconds that running jobs have to end by themselves; then they are interrupted, and run again
later. Orchestrators kill after 30 (Kubernetes) or 10 (Docker, unless told otherwise)."""

CLOSING_TIMEOUT = 5.0
"""Seconds to write down what became of them."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between two starts, doubled from one to the next."""

POLL_INTERVAL = 5.0
"""Seconds after which a job whose time has come is found; those without one are announced."""

Open = Callable[[Callable[[], None]], AbstractAsyncContextManager[App]]
"""Opens the queue with all its jobs; takes what to call when one's fate could not be written."""

log = structlog.get_logger(__name__)


class Supervisor:
    """`run` until `stop`."""

    name = "worker"

    def __init__(self, open_queue: Open, observer: Observer, *, concurrency: int) -> None:
        self._open_queue = open_queue
        self._observer = observer
        self._concurrency = concurrency
        self._stopped = asyncio.Event()
        self._halt = asyncio.Event()
        self._is_working = False

    def stop(self) -> None:
        """Take no more jobs, and end when the running ones have ended."""
        self._stopped.set()
        self._halt.set()

    async def ping(self) -> None:
        """Raise `NotReady` while no jobs are taken."""
        if not self._is_working:
            raise NotReady("The worker takes no jobs: see its log.")

    async def run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            started_at = time.monotonic()
            await self._work()
            if time.monotonic() - started_at > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await self._rest(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _rest(self, seconds: float) -> None:
        if not self._stopped.is_set():
            log.warning("worker_interrupted", starts_again_in=seconds)
            await asyncio.wait(
                {halt := asyncio.ensure_future(self._stopped.wait())}, timeout=seconds
            )
            halt.cancel()

    async def _work(self) -> None:
        """Until told to stop, or until the connection breaks."""
        self._halt = asyncio.Event()
        if self._stopped.is_set():
            return
        async with self._open_queue(self._halt.set) as app:
            working = asyncio.create_task(self._take_jobs(app))
            halted = asyncio.create_task(self._halt.wait())
            await asyncio.wait({working, halted}, return_when=asyncio.FIRST_COMPLETED)
            halted.cancel()
            await _end(working)

    async def _take_jobs(self, app: App) -> None:
        self._is_working = True
        try:
            await app.run_worker_async(
                name=WORKER_NAME,
                queues=[FILES, MAINTENANCE, FORMER],
                concurrency=self._concurrency,
                fetch_job_polling_interval=POLL_INTERVAL,
                shutdown_graceful_timeout=STOP_TIMEOUT,
                delete_jobs=DeleteJobCondition.SUCCESSFUL.value,
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=STALLED_AFTER,
                worker_middleware=[self._observer],
            )
        except ConnectorException as error:
            log.warning("queue_unavailable", error=type(error.__cause__ or error).__name__)
        finally:
            self._is_working = False


async def _end(working: "asyncio.Task[None]") -> None:
    """Have procrastinate's worker end in its own way, or else in bounded time."""
    for timeout in (STOP_TIMEOUT + CLOSING_TIMEOUT, CLOSING_TIMEOUT):
        working.cancel()
        done, _ = await asyncio.wait({working}, timeout=timeout)
        if done:
            break
    if working.done() and not working.cancelled() and (error := working.exception()):
        log.error("worker_broke", error=type(error).__name__, exc_info=error)
