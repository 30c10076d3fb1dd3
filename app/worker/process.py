"""One worker process: the services, the queue, the probes."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    closing,
    contextmanager,
)

import structlog
import uvicorn
import uvloop
from procrastinate import App

from app.container import Container, open_container
from app.database.listening import Listener
from app.domain.job import JobName
from app.infrastructure.events.sqs import QueuedMessage, SqsQueue
from app.infrastructure.metrics import Metrics
from app.service.storage_events import read_json
from app.settings import Settings
from app.worker.events import RECEIVERS, VISIBILITY, EventConsumer
from app.worker.jobs import add_file_jobs, add_forgetting, add_former_jobs, add_periodic_jobs
from app.worker.observation import Observer, quieten
from app.worker.probes import Member, create_probes
from app.worker.queue import open_queue
from app.worker.supervisor import Supervisor
from app.worker.webhooks import Deliverer

log = structlog.get_logger(__name__)


def run_worker(settings: Settings, listener: socket.socket) -> None:
    """Do jobs until SIGINT or SIGTERM, answering probes on `listener`."""
    quieten()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, listener))


async def _run(settings: Settings, listener: socket.socket) -> None:
    metrics = Metrics()
    async with (
        open_container(settings, metrics=metrics) as container,
        _consuming(settings, container) as consumers,
    ):
        members: list[Member] = [
            Supervisor(
                lambda on_failure: open_jobs(settings, container, on_failure),
                Observer(metrics),
                concurrency=settings.worker_concurrency,
            ),
            open_deliverer(settings, container),
            *consumers,
        ]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stop, members)
        async with _answering(container, members, listener):
            host, port = listener.getsockname()[:2]
            log.info("worker_started", host=host, port=port, pid=os.getpid())
            await asyncio.gather(*(member.run() for member in members))
        log.info("worker_stopped")


def _stop(members: Sequence[Member]) -> None:
    for member in members:
        member.stop()


def open_deliverer(settings: Settings, container: Container) -> Deliverer:
    """What tells webhooks."""
    listener = Listener(_database_url(settings))
    return Deliverer(container.deliveries, listener.listen, at_once=settings.webhook_concurrency)


@asynccontextmanager
async def _consuming(
    settings: Settings, container: Container
) -> AsyncIterator[list[EventConsumer]]:
    """What reads S3_EVENTS_QUEUE_URL, if that is set, with the services of `container`."""
    if settings.s3_events_queue_url is None:
        yield []
        return

    async def take(body: str) -> None:
        await container.storage_events.receive(read_json(body))

    async def park(message: QueuedMessage, reason: str) -> None:
        await container.parked_events.park(message.id, message.body, reason)

    queue = SqsQueue(settings, visibility=VISIBILITY, threads=2 * RECEIVERS)
    consumer = EventConsumer(
        queue,
        take=take,
        park=park,
        on_messages=container.metrics.queue_messages,
        on_error=container.metrics.queue_error,
    )
    with closing(queue):
        yield [consumer]


@asynccontextmanager
async def open_jobs(
    settings: Settings, container: Container, on_failure: Callable[[], None] = lambda: None
) -> AsyncIterator[App]:
    """The queue with all its jobs, done by the services of `container`."""
    async with _queue(settings, on_failure) as app:
        work = {
            JobName.DISCARD: container.removal.discard,
            JobName.DELETE: container.removal.finish_deletion,
            JobName.LOOK: container.arrivals.look,
        }
        add_file_jobs(app, work)
        add_periodic_jobs(app, container.sweep.run)
        add_forgetting(app, container.deliveries.forget)
        add_former_jobs(app)
        yield app


def _queue(settings: Settings, on_failure: Callable[[], None]) -> AbstractAsyncContextManager[App]:
    return open_queue(
        _database_url(settings),
        statement_timeout=settings.database_timeout,
        on_failure=on_failure,
    )


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise RuntimeError("a worker needs a DATABASE_URL")
    return settings.database_url.get_secret_value()


@asynccontextmanager
async def _answering(
    container: Container, members: Sequence[Member], listener: socket.socket
) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(
            create_probes(container, members),
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
