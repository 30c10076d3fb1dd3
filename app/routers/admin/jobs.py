"""The workers' queue, and what waits for them."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request, status

from app.domain.page import cut
from app.domain.webhook import MOST_WAITING
from app.exceptions.errors import DatabaseUnavailable, NotFound
from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, get_container
from app.routers.paging import Cursor, PageLimit
from app.routers.problem_openapi import problem_responses
from app.schemas.cursor import decode_event_cursor, encode_event_cursor
from app.schemas.response.admin.jobs_response import (
    AllRetriedResponse,
    BacklogResponse,
    JobResponse,
    JobsResponse,
    JobStatus,
    QueuedResponse,
    RetriedResponse,
)

router = APIRouter(prefix="/admin", tags=["administration"], route_class=GuardedRoute)
log = structlog.get_logger(__name__)

_COMMON = (*GUARDED, DatabaseUnavailable)

JobId = Annotated[int, Path(ge=1, le=2**63 - 1, description="From `GET /admin/jobs`.")]


@router.get("/jobs", summary="The workers' jobs", responses=problem_responses(*_COMMON))
async def list_jobs(
    admin: Administrator,
    request: Request,
    status: JobStatus = JobStatus.FAILED,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> JobsResponse:
    """Oldest first; by default those that have failed for good. Follow `next_cursor` until it is
    null.
    """
    jobs, after = get_container(request).jobs, decode_event_cursor(cursor)
    found = await jobs.page(status.value, limit=limit + 1, after=after)
    items, last = cut(found, limit, lambda job: job.id)
    return JobsResponse(
        items=[JobResponse.model_validate(job) for job in items],
        next_cursor=encode_event_cursor(last),
    )


@router.post(
    "/jobs/{id}/retry",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Run a failed job again",
    responses=problem_responses(*_COMMON, NotFound),
)
async def retry_job(id: JobId, admin: Administrator, request: Request) -> RetriedResponse:
    """From its first attempt, as `python -m app jobs retry` does. 404 when it has not failed: it
    waits already, runs, or is done.
    """
    if not await get_container(request).jobs.retry([id]):
        raise NotFound("There is no such job among those that have failed.")
    log.info("job retried", job_id=id, by=admin.subject)
    return RetriedResponse(id=id)


@router.post(
    "/jobs/retry",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Run all failed jobs again",
    responses=problem_responses(*_COMMON),
)
async def retry_jobs(admin: Administrator, request: Request) -> AllRetriedResponse:
    """From their first attempts, as `python -m app jobs retry --all-failed` does."""
    retried = await get_container(request).jobs.retry(None)
    log.info("jobs retried", count=len(retried), by=admin.subject)
    return AllRetriedResponse(retried=len(retried))


@router.get(
    "/backlog", summary="What the workers have to do", responses=problem_responses(*_COMMON)
)
async def get_backlog(admin: Administrator, request: Request) -> BacklogResponse:
    """Jobs by name and status, and deliveries to webhooks; each counted up to 10,000."""
    container = get_container(request)
    counts = await container.jobs.counts()
    return BacklogResponse(
        most_counted=MOST_WAITING,
        deliveries=await container.webhook_oversight.waiting(),
        jobs=[
            QueuedResponse(name=name, status=JobStatus(state), count=count)
            for (name, state), count in sorted(counts.items())
        ],
    )
