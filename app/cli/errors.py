"""The errors that a command reports in one line."""

from subprocess import SubprocessError

from app.exceptions.errors import SlipwayError
from app.infrastructure.embedded.errors import EngineError


class CommandError(Exception):
    """The message says what is wrong and what to do about it."""


EXPECTED = (CommandError, EngineError, SlipwayError, OSError, SubprocessError)
