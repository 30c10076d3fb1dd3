"""The application: routers, middleware, lifespan. No logic."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.container import open_container, utc_now
from app.infrastructure.logging import configure_logging
from app.infrastructure.metrics import Metrics
from app.openapi import describe
from app.routers import (
    admin,
    doctor,
    file_status,
    files,
    multipart,
    operators,
    presigned_url,
    storage_events,
    streams,
    upload_tokens,
    uppy,
    usage,
    webhooks,
)
from app.routers.body_limit import BodyLimitMiddleware
from app.routers.client import mount_client
from app.routers.console import mount_console
from app.routers.cors import ProblemCors
from app.routers.development_token import add_development_token, offers_development_token
from app.routers.docs import mount_docs
from app.routers.event_stream import ON_SHUTDOWN
from app.routers.middleware import RequestMiddleware
from app.routers.problems import install_problem_handlers
from app.settings import Settings

COLLECT_AFTER = 10_000
"""So many objects made and not freed start a collection of the youngest."""


def create_app(
    settings: Settings | None = None, *, clock: Callable[[], datetime] = utc_now
) -> FastAPI:
    """The ASGI application; without `settings`, those of the environment."""
    settings = settings or Settings.load()
    configure_logging(settings)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_container(settings, metrics=metrics, clock=clock) as container:
            app.state.container = container
            _exempt_what_stays()
            yield {ON_SHUTDOWN: container.live.end}

    app = FastAPI(
        lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False, **describe()
    )
    for feature in (
        presigned_url,
        file_status,
        multipart,
        streams,
        files,
        usage,
        webhooks,
        upload_tokens,
        uppy,
        storage_events,
        operators,
        doctor,
        *admin.FEATURES,
    ):
        # Not include_router: FastAPI then matches and wraps each request twice.
        app.router.routes.extend(feature.router.routes)
    mount_docs(app)
    mount_client(app)
    _add_console(app, settings)
    install_problem_handlers(app)
    _add_middleware(app, settings, metrics)
    return app


def _add_console(app: FastAPI, settings: Settings) -> None:
    offers_token = offers_development_token(settings)
    if offers_token:
        add_development_token(app, settings)
    mount_console(app, development_token=offers_token)


def _exempt_what_stays() -> None:
    """Modules, models and routes live as long as the process: no collection need visit them."""
    gc.collect()
    gc.freeze()
    # With the default of 700 every few requests start one, which finds next to nothing.
    gc.set_threshold(COLLECT_AFTER)


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    """Innermost first: a later one wraps the earlier ones."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_request_bytes)
    if settings.cors_origins:
        app.add_middleware(
            ProblemCors,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                "X-Request-ID",
            ],
            expose_headers=["X-Request-ID", "Retry-After"],
            max_age=600,
        )
    app.add_middleware(RequestMiddleware, metrics=metrics, hsts=settings.is_production)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
