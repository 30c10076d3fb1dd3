"""Commands beside the service: they ask its database, or all of it, and end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from app.cli.configuration import check_application, load_settings
from app.cli.errors import CommandError
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.stack import reachable_engines
from app.infrastructure.logging import configure_logging
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from app.database.config import Database

T = TypeVar("T")


def ask_database(question: "Callable[[Database], Awaitable[T]]") -> T:
    """What `question` makes of the migrated database, which runs meanwhile if nobody runs it.

    Raises one of EXPECTED when that cannot be had.
    """
    with reachable_engines(load_settings(), store=False) as settings:
        return asyncio.run(_ask_database(settings, question))


def ask_service(
    question: "Callable[[Container], Awaitable[T]]", *, statement_timeout: float = 0.0
) -> T:
    """The same of database and store by way of the service's own parts.

    A statement may take `statement_timeout` seconds where DATABASE_TIMEOUT is less.
    """
    wanted = with_jwt_secret(load_settings())
    configure_logging(wanted)
    with reachable_engines(wanted) as settings:
        check_application(settings)
        patience = max(settings.database_timeout, statement_timeout)
        patient = settings.model_copy(update={"database_timeout": patience})
        return asyncio.run(_ask_service(patient, question))


async def _ask_database(settings: Settings, question: "Callable[[Database], Awaitable[T]]") -> T:
    from app.container import build_database
    from app.database.migrate import check_current

    try:
        database = build_database(settings)
    except ValueError as error:
        raise CommandError(str(error)) from None
    await database.open()
    try:
        await check_current(database)
        return await question(database)
    finally:
        await database.close()


async def _ask_service(settings: Settings, question: "Callable[[Container], Awaitable[T]]") -> T:
    from botocore.exceptions import BotoCoreError

    from app.container import open_container
    from app.infrastructure.metrics import Metrics
    from app.infrastructure.storage.failures import unavailable

    try:
        async with open_container(settings, metrics=Metrics()) as container:
            await container.pings["migrations"]()
            return await question(container)
    except BotoCoreError as error:  # of the opening, such as a profile that there is not
        raise unavailable(error) from error
