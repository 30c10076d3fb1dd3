"""What is seen of a job's run: its log lines, its metrics."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from procrastinate import JobContext
from procrastinate.jobs import Job
from procrastinate.tasks import Task
from procrastinate.worker import Worker

from app.exceptions.errors import RetryableError, SlipwayError
from app.infrastructure.logging import log_context
from app.infrastructure.metrics import Metrics

WORKER_NAME = "slipway"

log = structlog.get_logger(__name__)


class Observer:
    """A worker middleware: every log line of a run names its job, and the outcome is counted.

    Outcomes: `done`; `retried`, it failed and will run again; `failed`, for good. A periodic job is
    not retried, as the next one does its work: it is `postponed` by what passes by itself, and its
    failure leaves no row behind.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(
        self, call_next: Callable[[], Awaitable[Any]], context: JobContext, _worker: Worker
    ) -> None:
        job, task = context.job, context.app.tasks[context.job.task_name]
        token = log_context.set(named(job))
        started_at = time.perf_counter()
        error: BaseException | None = None
        try:
            await call_next()
        except (Exception, asyncio.CancelledError) as failure:
            error = failure
        seconds = time.perf_counter() - started_at
        outcome = _outcome(error, task, job)
        self._metrics.job(job.task_name, outcome, seconds)
        _tell(outcome, error, seconds)
        log_context.reset(token)
        if error is not None and not _is_periodic(task):
            raise error


def named(job: Job) -> dict[str, Any]:
    """What log lines say of a job. Its arguments hold no secret, but whoever adds one may err."""
    file_id = job.task_kwargs.get("file_id")
    return {"job": job.task_name, "job_id": job.id} | ({"file_id": file_id} if file_id else {})


def quieten() -> None:
    """Leave the tale of a job's run to the observer; procrastinate tells it at length."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("procrastinate.worker").setLevel(logging.CRITICAL)
    # The worker's own, not its jobs': a name that no code knows, a connection that broke.
    logging.getLogger(f"procrastinate.worker.{WORKER_NAME}").setLevel(logging.ERROR)


def _outcome(error: BaseException | None, task: Task[Any, Any, Any], job: Job) -> str:
    if error is None:
        return "done"
    if _is_periodic(task):
        passes = isinstance(error, RetryableError | asyncio.CancelledError)
        return "postponed" if passes else "failed"
    return "retried" if task.get_retry_exception(error, job) else "failed"


def _is_periodic(task: Task[Any, Any, Any]) -> bool:
    return task.retry_strategy is None


def _tell(outcome: str, error: BaseException | None, seconds: float) -> None:
    duration_ms = round(seconds * 1000, 2)
    if error is None:
        log.debug("job_done", duration_ms=duration_ms)
        return
    write = log.error if outcome == "failed" else log.warning
    # An expected error says all in a line; for the rest somebody will want to know where.
    trace = None if isinstance(error, SlipwayError | asyncio.CancelledError) else error
    name = type(error).__name__
    write(f"job_{outcome}", error=name, duration_ms=duration_ms, exc_info=trace)
