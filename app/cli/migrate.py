"""`python -m app migrate`: bring the database up to date."""

import json
from collections.abc import Callable
from typing import Annotated

import typer

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.infrastructure.embedded.stack import running_engines
from app.settings import Settings


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Apply the migrations to DATABASE_URL, or else to the embedded database."""
    applied: list[str] = []

    def tell(revision: str, title: str) -> None:
        applied.append(revision)
        if not as_json:
            print(f"applied {revision}: {title}", flush=True)

    with running_engines(load_settings(), store=False) as settings:
        upgrade_database(settings, tell)
    print(json.dumps({"applied": applied}) if as_json else "The database is up to date.")


def upgrade_database(
    settings: Settings, on_applied: Callable[[str, str], None] = lambda *_: None
) -> None:
    """Apply what is missing to the database of `settings`. Raises CommandError for a wrong URL."""
    from app.database.migrate import upgrade

    if settings.database_url is None:
        return
    try:
        upgrade(settings.database_url.get_secret_value(), on_applied)
    except ValueError:  # whose message may quote a part of the password
        raise CommandError(
            "DATABASE_URL cannot be read: write postgresql://user:password@host:5432/database, "
            "special characters of the password percent-encoded"
        ) from None
