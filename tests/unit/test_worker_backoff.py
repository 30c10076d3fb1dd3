"""How long a job that fails is tried."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.jobs import Job

from app.exceptions.errors import DatabaseUnavailable, NotFound, StorageUnavailable
from app.worker.backoff import ATTEMPTS, DEFECT_ATTEMPTS, LONGEST_DELAY, Backoff, delay


def decide(error: BaseException, attempts: int) -> timedelta | None:
    """The delay after a failure that follows `attempts` earlier ones."""
    job = Job(queue="q", lock=None, queueing_lock=None, task_name="t", attempts=attempts)
    decision = Backoff().get_retry_decision(exception=error, job=job)
    if decision is None:
        return None
    return (decision.retry_at or datetime.now(UTC)) - datetime.now(UTC)


def test_delays_double_up_to_an_hour_and_vary() -> None:
    assert timedelta(seconds=3.75) <= delay(0) <= timedelta(seconds=6.25)
    assert timedelta(seconds=30) <= delay(3) <= timedelta(seconds=50)
    assert delay(10_000) <= LONGEST_DELAY * 1.25
    assert len({delay(5) for _ in range(20)}) > 1


def test_what_passes_by_itself_is_given_most_of_a_day() -> None:
    total = sum((delay(attempts) for attempts in range(ATTEMPTS - 1)), timedelta())
    assert timedelta(hours=14) < total < timedelta(hours=27)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (StorageUnavailable("down"), ATTEMPTS),
        (DatabaseUnavailable("down"), ATTEMPTS),
        (KeyError("defect"), DEFECT_ATTEMPTS),
        (NotFound("gone"), DEFECT_ATTEMPTS),
    ],
)
def test_every_error_has_its_last_attempt(error: Exception, attempts: int) -> None:
    assert decide(error, attempts - 2) is not None
    assert decide(error, attempts - 1) is None


def test_what_was_interrupted_goes_on_at_once() -> None:
    again = decide(asyncio.CancelledError(), 1000)
    assert again is not None
    assert again < timedelta(seconds=1)
