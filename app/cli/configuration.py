"""Settings for a command."""

from importlib import import_module

from pydantic import ValidationError

from app.cli.errors import CommandError
from app.settings import Settings


def load_settings() -> Settings:
    """The settings. Raises CommandError, which names no value, as that could be a secret."""
    try:
        return Settings.load()
    except ValidationError as error:
        problems = "; ".join(
            _describe(problem["loc"], problem["msg"]) for problem in error.errors()
        )
        raise CommandError(f"the settings are wrong: {problems}") from None


def check_application(settings: Settings) -> None:
    """Import the application, and raise CommandError for a setting that it would not start with.

    The application raises the same by itself, but in its lifespan, where it becomes a traceback.
    """
    import_module("app.main")
    from app.container import build_database, build_parts
    from app.infrastructure.metrics import Metrics

    try:
        build_parts(settings, Metrics())
        if settings.database_url is not None:  # else the embedded one's, once it runs
            build_database(settings)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _describe(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{str(location[0]).upper()}: {message}" if location else message
