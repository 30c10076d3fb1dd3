"""Quotas: everyone's own usage, and the limits that administrators set."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, status

from app.domain.history import MOST_PERIODS, Interval
from app.exceptions.errors import DatabaseUnavailable
from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, Reader, get_container
from app.routers.problem_openapi import problem_responses
from app.schemas.request.usage_request import LimitsRequest
from app.schemas.response.history_response import HistoryResponse
from app.schemas.response.usage_response import QuotaResponse, UsageResponse

router = APIRouter(tags=["quotas"], route_class=GuardedRoute)

_RESPONSES = problem_responses(*GUARDED, DatabaseUnavailable)

OWNER_PATTERN = r"^[^\x00-\x1f\x7f\ufffd]+$"
"""U+FFFD stands for bytes that are not UTF-8: who that is, nobody knows."""

Owner = Annotated[
    str,
    Path(
        min_length=1,
        max_length=255,
        pattern=OWNER_PATTERN,
        description="The `sub` of the owner's tokens.",
    ),
]


@router.get("/usage", summary="What you hold and may hold", responses=_RESPONSES)
async def get_usage(principal: Reader, request: Request) -> UsageResponse:
    """An upload reserves its declared size when it is created and uses it once it is verified.

    Failing, expiring, aborting and deleting give it back. What would exceed a limit is refused
    with 413 `quota_exceeded`.
    """
    standing = await get_container(request).usage.standing(principal.subject)
    return UsageResponse.of(standing)


@router.get("/usage/history", summary="Your uploads over time", responses=_RESPONSES)
async def get_usage_history(
    principal: Reader,
    request: Request,
    interval: Interval = Interval.DAY,
    count: Annotated[int, Query(ge=1, le=MOST_PERIODS, description="How many periods.")] = 30,
) -> HistoryResponse:
    """How many uploads began in each of the last hours or days (UTC), and what became of them."""
    history = get_container(request).history
    outcomes = await history.outcomes(interval, count, owner=principal.subject)
    return HistoryResponse.of(interval, outcomes)


@router.get("/quotas/{owner:path}", summary="What an owner holds", responses=_RESPONSES)
async def get_quota(owner: Owner, admin: Administrator, request: Request) -> QuotaResponse:
    """Anybody's usage and the limits that count for them; zeros for an owner without files."""
    standing = await get_container(request).usage.standing(owner)
    return QuotaResponse.of_owner(owner, standing)


@router.put("/quotas/{owner:path}", summary="Set an owner's limits", responses=_RESPONSES)
async def put_quota(
    owner: Owner, body: LimitsRequest, admin: Administrator, request: Request
) -> QuotaResponse:
    """They count instead of the default ones at once. What the owner holds already stays."""
    standing = await get_container(request).usage.set_limits(admin, owner, body.to_domain())
    return QuotaResponse.of_owner(owner, standing)


@router.delete(
    "/quotas/{owner:path}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Return an owner to the default limits",
    responses=_RESPONSES,
)
async def delete_quota(owner: Owner, admin: Administrator, request: Request) -> None:
    """The limits of the policy file count again. Again: 204."""
    await get_container(request).usage.set_limits(admin, owner, None)
