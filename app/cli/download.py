"""`python -m app download`: files of a service, to this machine."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from app.cli.connection import (
    DEFAULT_URL,
    STDOUT,
    Json,
    Quiet,
    Token,
    TokenFile,
    Url,
    connect,
    token_of,
    well_ended,
)
from app.cli.download_display import DownloadDisplay, Outcome
from app.cli.errors import FOUND
from app.cli.transfer import threads
from app.client.answers import File
from app.client.api import Api
from app.client.download_errors import Exists
from app.client.downloads import Downloads
from app.client.errors import ClientError, ends_everything
from app.client.listing import look_up
from app.client.store_reader import StoreReader
from app.client.target import target_for


def download(
    ids: Annotated[list[UUID], typer.Argument(metavar="ID...", help="The files, by their ids.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A folder, or for one file its path; -: standard output. Otherwise the file's own "
            "name, here.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace what exists.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    token_file: TokenFile = None,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Ranges at once.")] = 4,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Download files, in ranges where they are large, and check each against its checksum.

    The same command again goes on where it stood. Ends with 0 when all are there, 1 when some are
    not, 2 when nothing more could be done.
    """
    _check(ids, output, as_json=as_json)
    with well_ended("the same command again goes on where it stood"), ExitStack() as stack:
        api = Api(connect(url, token_of(token, token_file), parallel))
        found = look_up(api, ids)
        size = sum(file.file_size for _, file in found if isinstance(file, File))
        shown = DownloadDisplay(files=len(found), size=size, as_json=as_json, quiet=quiet)
        stack.enter_context(shown.shown())
        downloads = Downloads(
            api=api,
            reader=StoreReader(),
            pool=stack.enter_context(threads(parallel)),
            parallel=parallel,
            on_received=shown.moved,
            on_note=shown.note,
        )
        destination = Destination(downloads, output, force=force)
        for file_id, what in found:
            shown.outcome(_guarded(file_id, what, destination))
    raise typer.Exit(FOUND if shown.failed else 0)


class Destination:
    """Where the files of one command go."""

    def __init__(self, downloads: Downloads, output: str | None, *, force: bool) -> None:
        self._downloads = downloads
        self._output = output
        self._force = force
        self._taken: set[Path] = set()

    def take(self, file: File) -> Outcome:
        """Raises `ClientError`."""
        if self._output == STDOUT:
            check = self._downloads.stream(file, sys.stdout.buffer.write)
            return Outcome(file.id, STDOUT, file.file_size, check.algorithm)
        target = target_for(file, self._output, replace=self._force)
        if target.path in self._taken:
            raise Exists(f"{target.path} is another file of this command: give it a place by -o")
        check = self._downloads.save(file, target)
        self._taken.add(target.path)
        return Outcome(file.id, str(target.path), file.file_size, check.algorithm)


def _guarded(id: str, what: File | ClientError, destination: Destination) -> Outcome:
    """What becomes of one file; its failure is no other's. Raises what ends everything."""
    if isinstance(what, ClientError):
        return Outcome(id, error=what)
    try:
        return destination.take(what)
    except ClientError as error:
        if ends_everything(error):
            raise
        return Outcome(id, what.filename, error=error)


def _check(ids: Sequence[UUID], output: str | None, *, as_json: bool) -> None:
    hint = "--output"
    if output == STDOUT and as_json:
        raise typer.BadParameter("standard output cannot be both, file and JSON", param_hint=hint)
    one_place = output is not None and not (output.endswith(os.sep) or os.path.isdir(output))
    if one_place and len(set(ids)) > 1:
        raise typer.BadParameter("several files need a folder that exists", param_hint=hint)
