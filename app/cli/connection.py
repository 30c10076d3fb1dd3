"""What the commands share that speak to a service: its address, the token, and how they end."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from jose import JWTError, jwt

from app.cli.errors import COULD_NOT_RUN, CommandError
from app.cli.table import printable
from app.client.errors import ClientError
from app.client.transport import Transport

INTERRUPTED = 130
"""The exit code of Ctrl-C: 128 and SIGINT's number."""

STDIN = STDOUT = "-"
DEFAULT_URL = "http://127.0.0.1:8000"

Url = Annotated[
    str, typer.Option("--url", envvar="SLIPWAY_URL", help="The address of the service.")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="SLIPWAY_TOKEN",
        help="A bearer token. Others on this machine can read it here: better the variable, or "
        "--token-file.",
    ),
]
TokenFile = Annotated[
    str | None,
    typer.Option("--token-file", metavar="FILE", help="Read the token from it; -: standard input."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")]


def token_of(token: str | None, token_file: str | None) -> str:
    """The token, wherever it stands; a file counts more than the rest. Raises `CommandError`."""
    if token_file is not None:
        token = _read(token_file)
    if not token:
        raise CommandError(
            "no token: set SLIPWAY_TOKEN, or name a file with --token-file; beside a service in "
            "development, `python -m app token --sub NAME` prints one"
        )
    return token


def connect(url: str, token: str, connections: int) -> Transport:
    """Nothing is asked yet. Raises `CommandError` for what cannot be an address or a token."""
    try:
        return Transport(url, token, connections=connections)
    except ClientError as error:
        raise CommandError(str(error)) from None


def owner_of(token: str) -> str:
    """The subject of a token, which the service alone can verify; empty if it tells none."""
    try:
        return str(jwt.get_unverified_claims(token).get("sub", ""))
    except JWTError:
        return ""


def say(text: str) -> None:
    """One line on standard error, harmless to the terminal."""
    print(f"slipway: {printable(text)}", file=sys.stderr, flush=True)


@contextmanager
def well_ended(how_to_go_on: str) -> Iterator[None]:
    """Let Ctrl-C, and what a service or a store says, end the command with one line at once.

    Threads are not waited for. `how_to_go_on` is said after Ctrl-C.
    """
    try:
        yield
    except ClientError as error:
        say(str(error))
        _leave(COULD_NOT_RUN)
    except KeyboardInterrupt:
        say(f"interrupted; {how_to_go_on}")
        _leave(INTERRUPTED)


def _leave(code: int) -> None:
    # A thread may be in the middle of a part, or waiting for the service: it can all be repeated.
    sys.stdout.flush()
    os._exit(code)


def _read(token_file: str) -> str:
    try:
        return (sys.stdin.read() if token_file == STDIN else Path(token_file).read_text()).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise CommandError(f"the token cannot be read from {token_file}: {reason}") from None
