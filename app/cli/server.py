"""uvicorn, with one worker in this process or several supervised ones."""

import multiprocessing
import os
import socket
import tempfile
import threading
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import uvicorn
from pydantic import SecretStr
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.cli.errors import CommandError
from app.cli.http_protocol import BoundedHttpProtocol
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

KEEP_ALIVE_TIMEOUT = 75
"""Seconds; longer than proxies keep an idle connection (60 by default in nginx and AWS's ALB),
or they would now and then send a request into one that we have just closed."""

WORKER_TIMEOUT = 30
"""Seconds that a worker may be silent before it is replaced: a cold import on a busy machine takes
more than uvicorn's 5, and would be started over and over. A worker that ends while it starts is
noticed only then."""

SHUTDOWN_TIMEOUT = 10
"""Seconds for requests in flight; orchestrators kill after 30 (Kubernetes) or 10 (Docker)."""


def run_server(settings: Settings, configured: Settings, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM.

    `settings` are the resolved ones, `configured` those that a new process would read itself.
    Raises CommandError when the application does not start.
    """
    if settings.workers == 1:
        _run_here(settings, listener)
    else:
        _run_workers(settings, configured, listener)


def _run_here(settings: Settings, listener: socket.socket) -> None:
    from app.main import create_app

    server = uvicorn.Server(_config(create_app(settings)))
    server.run([listener])


def _run_workers(settings: Settings, configured: Settings, listener: socket.socket) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-metrics-") as directory:
        os.environ |= resolved_environment(settings, configured)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        config = _config(
            "app.cli.server:worker",
            factory=True,
            workers=settings.workers,
            timeout_worker_healthcheck=WORKER_TIMEOUT,
        )
        supervisor = Multiprocess(config, [listener])
        supervisor.run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
            raise CommandError("the workers did not start, see the log above")


def _config(app: "FastAPI | str", **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        # The application logs requests and trusts proxies by its own settings.
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        **options,
    )


def resolved_environment(settings: Settings, configured: Settings) -> dict[str, str]:
    """What a worker must find in its environment to read `settings` where we read `configured`.

    Addresses and keys of the engines: other users see a command line, but no environment.
    """
    before = dict(configured)
    changed = {name: value for name, value in settings if value != before[name]}
    return {name.upper(): _plain(value) for name, value in changed.items()}


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def worker() -> "FastAPI":
    """The application of one supervised worker."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from app.main import create_app

    return create_app(Settings.load())


def _end_with_parent() -> None:
    """End at once when the supervisor is killed: the engines are gone, and the port is wanted."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
