"""`python -m app serve`: the whole service from one command."""

import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Annotated

import typer

from app.cli.banner import announce, wait_until_it_answers
from app.cli.configuration import check_application, load_settings
from app.cli.listener import listen, port_of, url_of
from app.cli.migrate import upgrade_database
from app.cli.server import resolved_environment, run_server
from app.cli.worker_process import worker_beside
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.die_with_parent import die_with_parent
from app.infrastructure.embedded.stack import running_engines
from app.infrastructure.logging import configure_logging
from app.settings import Settings, StorageType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    end_with_parent: Annotated[
        bool, typer.Option("--end-with-parent", hidden=True, help="For make: die when it dies.")
    ] = False,
    worker: Annotated[
        bool | None,
        typer.Option(help="Run a worker beside it: by default in development, not in production."),
    ] = None,
) -> None:
    """Start the engines that the settings leave open, migrate, and serve until Ctrl-C."""
    if end_with_parent:
        die_with_parent(os.getppid(), signal.SIGKILL)
    _exit_on_stop_signals()
    configured = load_settings()
    configure_logging(configured)
    with listen(configured.host, configured.port) as listener:
        wanted = with_jwt_secret(configured.model_copy(update={"port": port_of(listener)}))
        # While the engines start, the import of the application costs no time.
        with running_engines(wanted, meanwhile=lambda: check_application(wanted)) as settings:
            url = url_of(listener)
            _prepare(settings, url)
            if not settings.is_production:
                _announce_later(settings, url)
            has_worker = not settings.is_production if worker is None else worker
            with _worker(settings, configured, url) if has_worker else nullcontext():
                run_server(settings, configured, listener)


def _exit_on_stop_signals() -> None:
    """Leave with exit code 0, by way of the context managers that stop the engines.

    uvicorn handles the first two itself while it runs, and raises them again when it is done.
    """
    for number in _STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # which nohup(1) asks for
            signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    for other in _STOP_SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # A second Ctrl-C must not leave an engine behind.
    sys.exit(0)


def _prepare(settings: Settings, url: str) -> None:
    """Migrate, and set up the bucket: in production both are steps of their own."""
    if not settings.is_production:
        upgrade_database(settings)
    if settings.storage_type is StorageType.LOCAL:
        from app.infrastructure.storage.bucket import set_up_bucket

        set_up_bucket(settings, _origins(settings, url))


def _origins(settings: Settings, url: str) -> tuple[str, ...]:
    """Whose pages may reach the store: CORS_ORIGINS and our own console; everybody's without."""
    if not settings.cors_origins:
        return ("*",)
    return (*settings.cors_origins, url, f"http://localhost:{settings.port}")


def _worker(settings: Settings, configured: Settings, url: str) -> AbstractContextManager[None]:
    """A worker beside the API, which starts when that answers, so as not to keep it waiting."""
    environment = {**os.environ, **resolved_environment(settings, configured)}
    return worker_beside(environment, after=lambda: wait_until_it_answers(url))


def _announce_later(settings: Settings, url: str) -> None:
    threading.Thread(target=announce, args=(settings, url), daemon=True).start()
