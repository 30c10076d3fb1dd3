"""Everybody's files, why uploads fail, and what becomes of them over time."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from app.domain.failure import FailureReason, tally
from app.domain.file import FileStatus
from app.domain.history import MOST_PERIODS, Interval
from app.domain.page import cut
from app.exceptions.errors import DatabaseUnavailable, FieldError, InvalidRequest, NotFound
from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, get_container
from app.routers.middleware import note_file
from app.routers.paging import Cursor, PageLimit, TrailLimit
from app.routers.problem_openapi import problem_responses
from app.routers.usage import OWNER_PATTERN
from app.schemas.cursor import (
    decode_event_cursor,
    decode_file_cursor,
    encode_file_cursor,
)
from app.schemas.response.admin.files_response import (
    AdminFileResponse,
    AdminFilesResponse,
    FailuresResponse,
)
from app.schemas.response.file_response import EventsResponse
from app.schemas.response.history_response import HistoryResponse

router = APIRouter(prefix="/admin", tags=["administration"], route_class=GuardedRoute)

_COMMON = (*GUARDED, DatabaseUnavailable)

Owner = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=255,
        pattern=OWNER_PATTERN,
        description="Only those of this owner: the `sub` of their tokens.",
    ),
]

_NO_SUCH_FILE = "There is no such file, or it was purged."


@router.get("/files", summary="Everybody's files", responses=problem_responses(*_COMMON))
async def list_everybodys_files(
    admin: Administrator,
    request: Request,
    status: FileStatus | None = None,
    reason: FailureReason | None = None,
    owner: Owner = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> AdminFilesResponse:
    """Newest first, without those that were deleted. Follow `next_cursor` until it is null.

    With `reason`, those that failed for it: 10,000 that failed are looked at for each page, which
    may hold fewer than `limit` and still not be the last.
    """
    oversight, before = get_container(request).oversight, decode_file_cursor(cursor)
    if reason is None:
        page = await oversight.page(owner=owner, status=status, before=before, limit=limit)
    else:
        _check_failed(status)
        page = await oversight.failed_for(reason, owner=owner, before=before, limit=limit)
    return AdminFilesResponse(
        items=[AdminFileResponse.of(record) for record in page.items],
        next_cursor=encode_file_cursor(page.next_before),
    )


@router.get(
    "/files/{id}", summary="Anybody's file", responses=problem_responses(*_COMMON, NotFound)
)
async def get_anybodys_file(id: UUID, admin: Administrator, request: Request) -> AdminFileResponse:
    """Also one that was deleted, as long as its row is kept."""
    note_file(request.scope, id)
    record = await get_container(request).oversight.load(id)
    if record is None:
        raise NotFound(_NO_SUCH_FILE)
    return AdminFileResponse.of(record)


@router.get(
    "/files/{id}/events",
    summary="Anybody's audit trail",
    responses=problem_responses(*_COMMON, NotFound),
)
async def list_anybodys_events(
    id: UUID,
    admin: Administrator,
    request: Request,
    limit: TrailLimit = 1000,
    cursor: Cursor = None,
) -> EventsResponse:
    """Everything that happened to the file, oldest first; its deletion too."""
    note_file(request.scope, id)
    oversight, after = get_container(request).oversight, decode_event_cursor(cursor)
    if await oversight.load(id) is None:
        raise NotFound(_NO_SUCH_FILE)
    events = await oversight.events(id, after=after, limit=limit + 1)
    return EventsResponse.of(*cut(events, limit, lambda event: event.id))


@router.get("/failures", summary="Why uploads fail", responses=problem_responses(*_COMMON))
async def list_failures(
    admin: Administrator,
    request: Request,
    hours: Annotated[int, Query(ge=1, le=24 * 90)] = 24,
) -> FailuresResponse:
    """Of the uploads that began within the last `hours` and failed, at most the newest 10,000."""
    container = get_container(request)
    since = container.clock() - timedelta(hours=hours)
    return FailuresResponse.of(since, tally(await container.oversight.failures(since)))


@router.get("/outcomes", summary="Uploads over time", responses=problem_responses(*_COMMON))
async def list_outcomes(
    admin: Administrator,
    request: Request,
    interval: Interval = Interval.HOUR,
    count: Annotated[int, Query(ge=1, le=MOST_PERIODS, description="How many periods.")] = 24,
    owner: Owner = None,
) -> HistoryResponse:
    """How many uploads began in each of the last hours or days of UTC, by their present state."""
    outcomes = await get_container(request).history.outcomes(interval, count, owner=owner)
    return HistoryResponse.of(interval, outcomes)


def _check_failed(status: FileStatus | None) -> None:
    if status not in (None, FileStatus.FAILED):
        message = "goes with status=failed, or without a status"
        raise InvalidRequest(f"reason {message}.", [FieldError("reason", message)])
