"""Jobs whose worker died in the middle of them."""

import structlog
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.errors import RaiseException

from app.worker.backoff import ATTEMPTS
from app.worker.observation import named

HEARTBEAT = 10.0
"""Seconds between two signs of life of a worker."""

STALLED_AFTER = 30.0
"""Seconds without one after which its jobs are taken from it. Should it live all the same, they
run twice, which every job must stand."""

log = structlog.get_logger(__name__)


async def retry_stalled(manager: JobManager) -> None:
    """Have such jobs run again; one that takes every worker with it ends as failed."""
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
        try:
            await _settle(manager, job)
        except ConnectorException as error:
            # By procrastinate's own functions: somebody else has settled the job.
            if not isinstance(error.__cause__, RaiseException):
                raise


async def _settle(manager: JobManager, job: Job) -> None:
    if job.attempts + 1 >= ATTEMPTS:
        await manager.finish_job(job, Status.FAILED, delete_job=False)
        log.error("job_failed", **named(job), error="its worker died, every time")
        return
    try:
        await manager.retry_job(job)
    except UniqueViolation:  # of its queueing lock: another one waits to do the same
        await manager.finish_job(job, Status.FAILED, delete_job=True)
    log.warning("job_stalled", **named(job))
