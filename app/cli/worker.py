"""`python -m app worker`: the jobs behind the API."""

import signal
from typing import Annotated

import typer

from app.cli.configuration import check_application, load_settings
from app.cli.errors import CommandError
from app.cli.listener import listen
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.die_with_parent import die_with_parent
from app.infrastructure.logging import configure_logging
from app.settings import Settings


def worker(
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="For serve: die when this process does.")
    ] = None,
) -> None:
    """Do the jobs that the API leaves, and the periodic ones, until Ctrl-C; start any number."""
    if parent is not None:
        die_with_parent(parent, signal.SIGKILL)
    settings = with_jwt_secret(load_settings())
    configure_logging(settings)
    _check(settings)
    with listen(settings.host, settings.worker_port) as listener:
        from app.worker.process import run_worker

        run_worker(settings, listener)


def _check(settings: Settings) -> None:
    if settings.database_url is None:
        raise CommandError("set DATABASE_URL; in development `serve` starts a worker by itself")
    check_application(settings)
    from app.database.engine import dsn
    from app.worker.conninfo import libpq_url

    try:
        libpq_url(dsn(settings.database_url.get_secret_value()))
    except ValueError as error:
        raise CommandError(str(error)) from None
