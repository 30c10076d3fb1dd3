"""Probes and metrics. None of them asks for a token: keep them off the public side of a proxy."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from fastapi import APIRouter, Request, Response

from app.exceptions.errors import NotReady, SlipwayError
from app.routers.dependencies import get_container
from app.routers.problem_openapi import problem_responses
from app.schemas.response.health_response import HealthResponse, ReadyResponse

router = APIRouter(tags=["operators"])
log = structlog.get_logger(__name__)

OK = "ok"

PING_TIMEOUT = 3.0
"""Seconds that one check may take; orchestrators give a probe about as much."""


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> HealthResponse:
    """Answers without asking anything else, so a broken database does not restart the process."""
    return HealthResponse()


@router.get("/readyz", summary="Can it serve", responses=problem_responses(NotReady))
async def readyz(request: Request) -> ReadyResponse:
    """Asks the database, its migrations and the store; 503 names what does not answer."""
    checks = await checked(get_container(request).pings)
    failing = [name for name, result in checks.items() if result != OK]
    if failing:
        raise NotReady(f"Not ready: {', '.join(failing)}.", checks=checks)
    return ReadyResponse(checks=checks)


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Text exposition format."""
    body, content_type = get_container(request).metrics.expose()
    return Response(body, media_type=content_type)


async def checked(pings: Mapping[str, Callable[[], Awaitable[None]]]) -> dict[str, str]:
    """For each part OK, or what is wrong with it; all are asked at once."""
    results = await asyncio.gather(*(_check(ping) for ping in pings.values()))
    return dict(zip(pings, results, strict=True))


async def _check(ping: Callable[[], Awaitable[None]]) -> str:
    try:
        await asyncio.wait_for(ping(), PING_TIMEOUT)
    except SlipwayError as error:
        return error.detail
    except TimeoutError:
        return f"no answer within {PING_TIMEOUT:g} s"
    except Exception:
        log.exception("a readiness check broke")
        return "the check broke, see the log"
    return OK
