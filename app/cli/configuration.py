"""Settings for a command."""

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


def _describe(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{str(location[0]).upper()}: {message}" if location else message
