"""What breaks direct uploads here, for administrators."""

from fastapi import APIRouter, Request

from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, get_container
from app.routers.problem_openapi import problem_responses
from app.schemas.response.doctor_response import DoctorResponse

router = APIRouter(tags=["operators"], route_class=GuardedRoute)


@router.get("/doctor", summary="What is wrong", responses=problem_responses(*GUARDED))
async def get_doctor(admin: Administrator, request: Request) -> DoctorResponse:
    """Examines the store, the database and the settings as `python -m app doctor` does.

    Each finding says why it matters and what mends it; nothing is mended from here. It writes
    a few small objects under the key prefix and removes them. One examination runs at a time, and
    who asks within ten seconds gets the same one. 200, whatever is found.
    """
    return DoctorResponse.of(await get_container(request).diagnosis.read())
