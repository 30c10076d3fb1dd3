"""The jobs that tell webhooks: in a queue of their own, as endpoints may keep them waiting."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from app.worker.backoff import Backoff
from app.worker.jobs import FIRST
from app.worker.observation import Again

WEBHOOKS = "webhooks"
"""The queue in which each move of a file puts a job for each webhook that wants it."""

EVERY_HOUR = "17 * * * *"

Deliver = Callable[[int], Awaitable[datetime | None]]
Forget = Callable[[], Awaitable[int]]

log = structlog.get_logger(__name__)


class WhenAsked(BaseRetryStrategy):
    """At the time that the delivery's own schedule says; after anything else like other jobs."""

    def __init__(self) -> None:
        self._otherwise = Backoff()

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, Again):
            return RetryDecision(retry_at=exception.at)
        return self._otherwise.get_retry_decision(exception=exception, job=job)


def add_webhook_jobs(app: App, deliver: Deliver, forget: Forget) -> None:
    """One delivery each, and once an hour the end of those that are old."""

    @app.task(name="deliver", queue=WEBHOOKS, retry=WhenAsked())
    async def run_deliver(delivery_id: int) -> None:
        again_at = await deliver(delivery_id)
        if again_at is not None:
            raise Again(again_at)

    @app.periodic(cron=EVERY_HOUR)
    @app.task(
        name="forget_deliveries",
        queue=WEBHOOKS,
        priority=FIRST,
        lock="forget_deliveries",
        queueing_lock="forget_deliveries",
    )
    async def run_forget(timestamp: int) -> None:
        forgotten = await forget()
        if forgotten:
            log.info("deliveries_forgotten", count=forgotten)
