"""Which parts answer, for those who may not reach the probes."""

from fastapi import APIRouter, Request

from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, get_container
from app.routers.operators import OK, checked
from app.routers.problem_openapi import problem_responses
from app.schemas.response.admin.health_response import PartsResponse

router = APIRouter(prefix="/admin", tags=["administration"], route_class=GuardedRoute)


@router.get("/health", summary="Which parts answer", responses=problem_responses(*GUARDED))
async def get_health(admin: Administrator, request: Request) -> PartsResponse:
    """The same as `/readyz` asks, which a proxy may keep to itself; 200, whatever answers.
    `GET /doctor` says more, and what mends it.
    """
    checks = await checked(get_container(request).pings)
    return PartsResponse(ready=all(state == OK for state in checks.values()), checks=checks)
