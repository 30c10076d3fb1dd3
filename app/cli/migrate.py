"""`python -m app migrate`: bring the database up to date."""

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.infrastructure.embedded.stack import running_engines
from app.settings import Settings


def migrate() -> None:
    """Apply the migrations to DATABASE_URL, or else to the embedded database."""
    with running_engines(load_settings(), store=False) as settings:
        upgrade_database(settings)


def upgrade_database(settings: Settings) -> None:
    """Apply what is missing to the database of `settings`. Raises CommandError for a wrong URL."""
    from app.database.migrate import upgrade

    if settings.database_url is None:
        return
    try:
        upgrade(settings.database_url.get_secret_value())
    except ValueError:  # whose message may quote a part of the password
        raise CommandError(
            "DATABASE_URL cannot be read: write postgresql://user:password@host:5432/database, "
            "special characters of the password percent-encoded"
        ) from None
