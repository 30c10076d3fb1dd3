"""Everybody who has files."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.domain.page import cut
from app.exceptions.errors import DatabaseUnavailable
from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, get_container
from app.routers.paging import PageLimit
from app.routers.problem_openapi import problem_responses
from app.schemas.cursor import decode_name_cursor, encode_name_cursor
from app.schemas.response.admin.owners_response import OwnersResponse
from app.schemas.response.usage_response import QuotaResponse

router = APIRouter(prefix="/admin", tags=["administration"], route_class=GuardedRoute)


@router.get(
    "/owners",
    summary="All owners and what they hold",
    responses=problem_responses(*GUARDED, DatabaseUnavailable),
)
async def list_owners(
    admin: Administrator,
    request: Request,
    limit: PageLimit = 50,
    cursor: Annotated[str | None, Query(max_length=1400)] = None,
) -> OwnersResponse:
    """By name, each with their usage and the limits that count. Follow `next_cursor` until it is
    null. `PUT /quotas/{owner}` changes somebody's limits.
    """
    usages, after = get_container(request).usages, decode_name_cursor(cursor)
    found = await usages.standings(after=after, limit=limit + 1)
    items, last = cut(found, limit, lambda each: each[0])
    return OwnersResponse(
        items=[QuotaResponse.of_owner(owner, standing) for owner, standing in items],
        next_cursor=encode_name_cursor(last),
    )
