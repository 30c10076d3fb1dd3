"""What a worker answers over HTTP: probes and metrics, to operators alone."""

from dataclasses import replace

from fastapi import APIRouter, FastAPI, Request, Response

from app.container import Container
from app.exceptions.errors import DatabaseUnavailable
from app.routers import operators
from app.routers.dependencies import get_container
from app.routers.middleware import RequestMiddleware
from app.routers.problems import install_problem_handlers
from app.worker.supervisor import Supervisor

router = APIRouter()


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The API's metrics, and what is in the queue: nothing of it while the database is away."""
    container = get_container(request)
    try:
        container.metrics.queue(await container.jobs.counts())
    except DatabaseUnavailable:
        container.metrics.queue({})
    return await operators.metrics(request)


def create_probes(container: Container, supervisor: Supervisor) -> FastAPI:
    """`/healthz`, `/readyz` (which also asks whether jobs are taken) and `/metrics`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.container = replace(container, pings={**container.pings, "worker": supervisor.ping})
    app.router.routes.extend([*router.routes, *operators.router.routes])
    install_problem_handlers(app)
    app.add_middleware(RequestMiddleware, metrics=container.metrics)
    return app
