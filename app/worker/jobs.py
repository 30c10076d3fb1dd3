"""Job name -> service call.

A job that changed a file's state committed it together with the change, by name: a name that is in
the queue must go on meaning what it means, until no release is left that writes it.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from uuid import UUID

import structlog
from procrastinate import App, JobContext

from app.domain.job import JobName
from app.exceptions.errors import NotFound
from app.worker.backoff import Backoff
from app.worker.stalled import retry_stalled

FILES = "files"
"""The queue of the jobs that changes of files defer."""

MAINTENANCE = "maintenance"
"""The queue of the periodic jobs."""

FORMER = "webhooks"
"""The queue of a release before: as long as a process of it runs, it puts a job there for each
delivery, and `forget_deliveries`."""

FIRST = 10
"""A priority above all others' (0): few and short, or the rest may wait on them."""

EVERY_MINUTE = "* * * * *"
EVERY_15_SECONDS = "* * * * * */15"
EVERY_HOUR = "17 * * * *"

FileWork = Callable[[UUID], Awaitable[None]]
Sweep = Callable[[], Awaitable[Mapping[str, int]]]
Forget = Callable[[], Awaitable[int]]

log = structlog.get_logger(__name__)


def add_file_jobs(app: App, work: Mapping[JobName, FileWork]) -> None:
    """One file's work, tried again until it succeeds or has failed for good."""
    for name, function in work.items():
        app.task(name=name.value, queue=FILES, retry=Backoff())(_on_file(function))


def _on_file(function: FileWork) -> Callable[..., Awaitable[None]]:
    async def job(file_id: str) -> None:
        with suppress(NotFound):  # somebody removed the row since
            await function(UUID(file_id))

    return job


def add_former_jobs(app: App) -> None:
    """What they were for is done without them; left behind, they would wait for ever, and the lock
    of one would keep our own `forget_deliveries` out of the queue."""

    @app.task(name="deliver", queue=FORMER)
    async def run_deliver(delivery_id: int) -> None:
        """Deliveries are claimed where they lie."""


def add_periodic_jobs(app: App, sweep: Sweep) -> None:
    """What is due by the clock: of each at most one waits, and one sweep runs, whoever defers it.

    The jobs have no strategy for retries: one that fails while the next waits could not go back
    into the queue, because of that lock.
    """

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="sweep", queue=MAINTENANCE, priority=FIRST, lock="sweep", queueing_lock="sweep")
    async def run_sweep(timestamp: int) -> None:
        report = await sweep()
        if report:
            log.info("swept", **report)

    # Without a lock: the one that holds it could be stalled itself.
    @app.periodic(cron=EVERY_15_SECONDS)
    @app.task(
        name="retry_stalled",
        queue=MAINTENANCE,
        priority=FIRST,
        queueing_lock="retry_stalled",
        pass_context=True,
    )
    async def run_retry_stalled(context: JobContext, /, timestamp: int) -> None:
        await retry_stalled(context.app.job_manager)


def add_forgetting(app: App, forget: Forget) -> None:
    """Once an hour the end of the deliveries to webhooks that are old."""

    @app.periodic(cron=EVERY_HOUR)
    @app.task(
        name="forget_deliveries",
        queue=MAINTENANCE,
        priority=FIRST,
        lock="forget_deliveries",
        queueing_lock="forget_deliveries",
    )
    async def run_forget(timestamp: int) -> None:
        forgotten = await forget()
        if forgotten:
            log.info("deliveries_forgotten", count=forgotten)
