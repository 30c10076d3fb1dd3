"""`python -m app rm`: delete files, from the store and from every list."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.filesize import decimal

from app.cli.connection import (
    DEFAULT_URL,
    Json,
    Quiet,
    Token,
    TokenFile,
    Url,
    connect,
    say,
    token_of,
    well_ended,
)
from app.cli.errors import FOUND, CommandError
from app.cli.table import printable
from app.client.answers import File
from app.client.api import Api
from app.client.errors import ClientError, Refused, ends_everything
from app.client.listing import look_up


def rm(
    ids: Annotated[list[UUID], typer.Argument(metavar="ID...", help="The files, by their ids.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Delete files for good: their bytes in the store, or what of them has arrived there.

    Ends with 0 when all are gone, 1 when some are not, 2 when nothing more could be done.
    """
    if not (yes or sys.stdin.isatty()):
        raise CommandError("nobody is there to be asked: --yes deletes without a question")
    with well_ended("what was not yet named as deleted is still there"):
        api = Api(connect(url, token_of(token, token_file), 1))
        found = look_up(api, ids)
        if not yes:
            _ask([file for _, file in found if isinstance(file, File)])
        failed = 0
        for file_id, what in found:
            error = what if isinstance(what, ClientError) else _delete(api, file_id)
            failed += error is not None
            _tell(file_id, what, error, as_json=as_json, quiet=quiet)
    raise typer.Exit(FOUND if failed else 0)


def _ask(files: Sequence[File]) -> None:
    for file in files:
        size = decimal(file.file_size)
        print(f"{file.id}  {file.status}  {size}  {printable(file.filename)}", file=sys.stderr)
    if files and not _agreed(f"Delete {len(files)} for good?"):
        raise CommandError("nothing was deleted")


def _agreed(question: str) -> bool:
    """No at the end of the input; Ctrl-C stays Ctrl-C, which Typer's own question takes for 1."""
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _delete(api: Api, id: str) -> ClientError | None:
    try:
        api.delete(id)
    except ClientError as error:
        if isinstance(error, Refused) and error.status == 404:
            return None  # it was there: an earlier try whose answer was lost, or somebody else's
        if ends_everything(error):
            raise
        return error
    return None


def _tell(
    id: str, what: File | ClientError, error: ClientError | None, *, as_json: bool, quiet: bool
) -> None:
    name = what.filename if isinstance(what, File) else None
    if as_json:
        problem = {"code": error.code, "detail": str(error)} if error else None
        print(json.dumps({"id": id, "filename": name, "deleted": not error, "error": problem}))
    elif not (error or quiet):
        print(f"deleted  {id}  {printable(name or '')}")
    if error:
        say(f"{id}: {error}")
