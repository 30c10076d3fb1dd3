"""When a job that failed is tried again, and when it has failed for good."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from app.exceptions.errors import RetryableError

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)

ATTEMPTS = 30
"""Runs of a job that meets with what passes by itself: the delays between them make a day."""

DEFECT_ATTEMPTS = 5
"""Runs of a job that meets with anything else: two minutes, then somebody should look."""

JITTER = 0.25
"""Share by which a delay is shorter or longer: what failed together does not come back together."""


class Backoff(BaseRetryStrategy):
    """Twice the delay after each failure. What a stopping worker interrupts goes on at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_at=None)
        if job.attempts + 1 >= attempts_for(exception):
            return None
        return RetryDecision(retry_at=datetime.now(UTC) + delay(job.attempts))


def attempts_for(error: BaseException) -> int:
    """How often a job may run that ends with `error`."""
    return ATTEMPTS if isinstance(error, RetryableError) else DEFECT_ATTEMPTS


def delay(attempts: int) -> timedelta:
    """How long to wait after a failure that came after `attempts` earlier ones."""
    doubled = min(FIRST_DELAY * (1 << min(attempts, 20)), LONGEST_DELAY)
    return doubled * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 -- no secret
