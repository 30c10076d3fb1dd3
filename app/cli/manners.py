"""How every command ends: an exit code that a script can rely on, and no traceback."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from app.cli.errors import COULD_NOT_RUN, EXPECTED
from app.cli.table import printable

READER_GONE = 128 + signal.SIGPIPE
"""What a shell says of a program that SIGPIPE ended, as in `command | head`."""


class Mannered(TyperGroup):
    """The group of all commands. Exit codes: 0; 1 for findings, or what could not be done; 2 when
    the command could not run; 130 after Ctrl-C, which is Typer's own doing."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an expected error becomes one line on standard error."""
        try:
            with _written():
                return super().invoke(ctx)
        except BrokenPipeError:
            _write_no_more()
            raise typer.Exit(READER_GONE) from None
        except SystemExit as ended:
            # Rich has silenced standard output by itself.
            gone = isinstance(ended.__context__, BrokenPipeError)
            raise (typer.Exit(READER_GONE) if gone else ended) from None
        except EXPECTED as error:
            print(f"slipway: {_one_line(error)}", file=sys.stderr)
            raise typer.Exit(getattr(error, "exit_code", COULD_NOT_RUN)) from None


def open_standard_streams() -> None:
    """Where the parent has closed some: what is opened next would get their numbers, and the words
    that are meant for them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 -- for good


@contextmanager
def _written() -> Iterator[None]:
    """Flush, or the last words would meet a closed pipe after everybody who could catch that."""
    try:
        yield
    finally:
        sys.stdout.flush()


def _write_no_more() -> None:
    """https://docs.python.org/3/library/signal.html#note-on-sigpipe"""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split())) or type(error).__name__
