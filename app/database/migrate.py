"""Bringing the schema up to date, and knowing whether it is."""

from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command
from app.database.config import Database
from app.database.engine import Connection
from app.database.failures import unavailable
from app.exceptions.errors import NotReady

ADVISORY_LOCK = 0x736C697077617900
"""Held by whoever migrates: "slipway" in ASCII and 0, which nothing else in the database locks."""

Ask: TypeAlias = Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]]
"""What puts one question to a database, such as `Database.ask`."""

_INI = Path(__file__).parents[2] / "alembic.ini"


def upgrade(database_url: str, on_applied: Callable[[str, str], None] = lambda *_: None) -> None:
    """Apply every migration that the database lacks; what another process is applying is awaited.

    `on_applied` hears the revision and the title of each as it is done. Call it where no event
    loop runs. Raises `DatabaseUnavailable`, and ValueError for a URL that is not PostgreSQL's.
    """
    config = Config(_INI)
    config.attributes["database_url"] = database_url
    config.attributes["on_applied"] = on_applied
    with unavailable():
        command.upgrade(config, "head")


async def check_current(database: Database) -> None:
    """Raise `NotReady` while migrations of this release are missing, else `DatabaseUnavailable`.

    A revision that this release does not know is a newer one's: those never break it.
    """
    if await revision(database.ask) in _outdated():
        raise NotReady("The database lacks migrations: run `python -m app migrate`.")


async def revision(ask: Ask) -> str | None:
    """The one applied last, None before the first."""
    exists = "SELECT to_regclass('alembic_version') IS NOT NULL"
    if not await ask(lambda connection: connection.fetchval(exists)):
        return None
    version = "SELECT version_num FROM alembic_version"
    applied: str | None = await ask(lambda connection: connection.fetchval(version))
    return applied


@cache
def revisions() -> tuple[str, ...]:
    """Those of this release, in the order of their application."""
    scripts = ScriptDirectory.from_config(Config(_INI)).walk_revisions()
    return tuple(reversed([script.revision for script in scripts]))


def _outdated() -> frozenset[str | None]:
    return frozenset({None, *revisions()[:-1]})
