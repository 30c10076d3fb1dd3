"""What a worker answers over HTTP: probes and metrics, to operators alone."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from fastapi import APIRouter, FastAPI, Request, Response

from app.container import Container
from app.exceptions.errors import DatabaseUnavailable
from app.routers import operators
from app.routers.dependencies import get_container
from app.routers.middleware import RequestMiddleware
from app.routers.problems import install_problem_handlers

router = APIRouter()


class Member(Protocol):
    """A part of the worker that works by itself until it is stopped."""

    @property
    def name(self) -> str:
        """What `/readyz` calls it."""
        ...

    def stop(self) -> None: ...

    async def ping(self) -> None: ...

    async def run(self) -> None: ...


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The API's metrics, and what waits: nothing is said of it while the database is away."""
    container = get_container(request)
    try:
        container.metrics.queue(await container.jobs.counts())
        container.metrics.webhook_backlog(await container.webhook_oversight.waiting())
    except DatabaseUnavailable:
        container.metrics.queue({})
        container.metrics.webhook_backlog(math.nan)
    return await operators.metrics(request)


def create_probes(container: Container, members: Sequence[Member]) -> FastAPI:
    """`/healthz`, `/readyz` (which also asks each of `members` whether it works) and `/metrics`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pings = {member.name: member.ping for member in members}
    app.state.container = replace(container, pings={**container.pings, **pings})
    app.router.routes.extend([*router.routes, *operators.router.routes])
    install_problem_handlers(app)
    app.add_middleware(RequestMiddleware, metrics=container.metrics)
    return app
