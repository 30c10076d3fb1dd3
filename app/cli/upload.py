"""`python -m app upload`: files, folders and standard input, to a service."""

import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from typing import Annotated

import typer

from app.cli.connection import (
    DEFAULT_URL,
    STDIN,
    Json,
    Quiet,
    Token,
    TokenFile,
    Url,
    connect,
    owner_of,
    token_of,
    well_ended,
)
from app.cli.errors import FOUND
from app.cli.transfer import threads
from app.cli.upload_display import UploadDisplay
from app.client.api import Api
from app.client.creation import Creation
from app.client.delivery import Delivery
from app.client.errors import Unusable
from app.client.journal import Journal, journal, state_directory
from app.client.reports import Reports
from app.client.single import SingleUpload
from app.client.source import Source
from app.client.spool import spooled
from app.client.store import Store
from app.client.transport import Transport
from app.client.uploads import Outcome, Uploads
from app.client.walk import Found, find
from app.client.wish import Options
from app.domain.media_type import normalise_type


def upload(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files and folders; -: standard input.")
    ],
    url: Url = DEFAULT_URL,
    token: Token = None,
    token_file: TokenFile = None,
    policy: Annotated[
        str | None, typer.Option(help="The upload policy; default otherwise.")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Kept with each file; repeatable.")
    ] = None,
    type: Annotated[
        str | None, typer.Option(help="The media type of each file; by its name otherwise.")
    ] = None,
    name: Annotated[str, typer.Option(help="What standard input shall be called.")] = "stdin",
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Parts or files at once.")] = 4,
    no_checksum: Annotated[
        bool, typer.Option("--no-checksum", help="Declare no CRC32: files are read once less.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Upload files and folders, in parts where they are large, and have each verified.

    The same command again goes on where it stood. Ends with 0 when all have arrived, 1 when some
    have not, 2 when nothing more could be done.
    """
    options = Options(policy, _pairs(metadata or []), _media_type(type))
    _check(paths, token_file)
    key = token_of(token, token_file)
    transport = connect(url, key, parallel)
    with well_ended(_how_to_go_on(paths)), ExitStack() as stack:
        found = list(_found(paths, name, stack))
        kept = stack.enter_context(
            journal(state_directory(os.environ), *_identity(paths, transport, key, options))
        )
        size = sum(source.size for _, source in found if isinstance(source, Source))
        shown = UploadDisplay(files=len(found), size=size, as_json=as_json, quiet=quiet)
        stack.enter_context(shown.shown())
        store = stack.enter_context(closing(Store()))
        pool = stack.enter_context(threads(parallel))
        uploads = _uploads(
            Api(transport), Delivery(store), kept, options, not no_checksum, pool, shown
        )
        _run(found, uploads, shown)
        kept.is_settled = paths == [STDIN] or not shown.failed
    raise typer.Exit(FOUND if shown.failed else 0)


def _run(found: Sequence[Found], uploads: Uploads, shown: UploadDisplay) -> None:
    for name, what in found:
        if isinstance(what, Unusable):
            shown.outcome(Outcome(name, error=what))
    uploads.run([source for _, source in found if isinstance(source, Source)])


def _uploads(
    api: Api,
    delivery: Delivery,
    kept: Journal,
    options: Options,
    checksums: bool,
    pool: Executor,
    shown: UploadDisplay,
) -> Uploads:
    creation = Creation(
        api=api,
        journal=kept,
        options=options,
        checksums=checksums,
        on_read=shown.read,
        on_note=shown.note,
    )
    single = SingleUpload(
        api=api,
        creation=creation,
        delivery=delivery,
        journal=kept,
        on_sent=shown.moved,
        on_note=shown.note,
    )
    return Uploads(
        single=single,
        creation=creation,
        reports=Reports(api),
        journal=kept,
        pool=pool,
        on_sent=shown.moved,
        on_outcome=shown.outcome,
    )


def _found(paths: Sequence[str], name: str, stack: ExitStack) -> Iterator[Found]:
    if paths == [STDIN]:
        yield name, stack.enter_context(spooled(sys.stdin.buffer, name))
    else:
        yield from find(paths)


def _identity(
    paths: Sequence[str], transport: Transport, token: str, options: Options
) -> tuple[object, ...]:
    """What makes two commands the same; what came from standard input never comes again."""
    once = str(uuid.uuid4()) if paths == [STDIN] else ""
    where = sorted(map(os.path.abspath, paths))
    what = (options.policy, sorted(options.metadata.items()), options.type)
    return (transport.url, owner_of(token), where, what, once)


def _how_to_go_on(paths: Sequence[str]) -> str:
    if paths == [STDIN]:
        return "standard input was not kept: the same command again begins anew"
    return "the same command again goes on where it stood"


def _check(paths: Sequence[str], token_file: str | None) -> None:
    if STDIN in paths and len(paths) > 1:
        raise typer.BadParameter("standard input (-) is uploaded alone", param_hint="PATH")
    if STDIN in paths and token_file == STDIN:
        raise typer.BadParameter("standard input cannot be both", param_hint="--token-file")


def _pairs(given: Sequence[str]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair.lstrip("="):
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--metadata")
    return {key: value for key, _, value in (pair.partition("=") for pair in given)}


def _media_type(given: str | None) -> str | None:
    try:
        return given and normalise_type(given)
    except ValueError as error:
        raise typer.BadParameter(f"{given!r} {error}", param_hint="--type") from None
