"""The errors that a command reports in one line, and the exit codes."""

from subprocess import SubprocessError
from typing import ClassVar

from app.exceptions.errors import SlipwayError
from app.infrastructure.embedded.errors import EngineError

FOUND, COULD_NOT_RUN = 1, 2
"""Exit codes: something is found, or left undone; nothing can be said."""


class CommandError(Exception):
    """The message says what is wrong and what to do about it."""

    exit_code: ClassVar[int] = COULD_NOT_RUN


class Incomplete(CommandError):
    """The command ran, but could not do all that was asked; the message names the rest."""

    exit_code = FOUND


EXPECTED = (CommandError, EngineError, SlipwayError, OSError, SubprocessError)
