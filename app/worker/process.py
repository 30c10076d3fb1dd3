"""One worker process: the services, the queue, the probes."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
import uvloop
from procrastinate import App

from app.container import Container, open_container
from app.domain.job import JobName
from app.infrastructure.metrics import Metrics
from app.settings import Settings
from app.worker.jobs import add_file_jobs, add_periodic_jobs
from app.worker.observation import Observer, quieten
from app.worker.probes import create_probes
from app.worker.queue import open_queue
from app.worker.supervisor import Supervisor

log = structlog.get_logger(__name__)


def run_worker(settings: Settings, listener: socket.socket) -> None:
    """Do jobs until SIGINT or SIGTERM, answering probes on `listener`."""
    quieten()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, listener))


async def _run(settings: Settings, listener: socket.socket) -> None:
    metrics = Metrics()
    async with open_container(settings, metrics=metrics) as container:
        supervisor = Supervisor(
            lambda on_failure: open_jobs(settings, container, on_failure),
            Observer(metrics),
            concurrency=settings.worker_concurrency,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, supervisor.stop)
        async with _answering(container, supervisor, listener):
            host, port = listener.getsockname()[:2]
            log.info("worker_started", host=host, port=port, pid=os.getpid())
            await supervisor.run()
        log.info("worker_stopped")


@asynccontextmanager
async def open_jobs(
    settings: Settings, container: Container, on_failure: Callable[[], None] = lambda: None
) -> AsyncIterator[App]:
    """The queue with all its jobs, done by the services of `container`."""
    if settings.database_url is None:
        raise RuntimeError("a worker needs a DATABASE_URL")
    url = settings.database_url.get_secret_value()
    async with open_queue(
        url, statement_timeout=settings.database_timeout, on_failure=on_failure
    ) as app:
        work = {
            JobName.DISCARD: container.removal.discard,
            JobName.DELETE: container.removal.finish_deletion,
        }
        add_file_jobs(app, work)
        add_periodic_jobs(app, container.sweep.run)
        yield app


@asynccontextmanager
async def _answering(
    container: Container, supervisor: Supervisor, listener: socket.socket
) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(
            create_probes(container, supervisor),
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Signals are for the whole process, whose probes are the last to go."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
