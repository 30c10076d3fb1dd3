"""`python -m app explain`: why the store refused a request."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from app.cli.configuration import load_settings
from app.cli.errors import FOUND, CommandError
from app.domain.explain.evidence import Evidence, SentRequest
from app.domain.explain.explanation import Explanation
from app.domain.explain.presigned_url import PresignedUrl
from app.domain.explain.rules import explain as explained
from app.infrastructure.embedded.stack import reachable_engines
from app.infrastructure.logging import configure_logging
from app.infrastructure.storage.error_body import MAX_BYTES, ReadText, decode, read_text
from app.settings import Settings

_STDIN = "-"


def explain(
    error: Annotated[
        str | None,
        typer.Argument(
            metavar="[ERROR-FILE|-]",
            help="What the store answered, or text that quotes it; - is standard input.",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The presigned URL that was used; quote it."),
    ] = None,
    file: Annotated[
        UUID | None,
        typer.Option(metavar="ID", help="The file, whose record is compared with the rest."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="The HTTP method that was sent.")] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="A header that was sent; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say in plain words why the store refused a request, what differed, and what to do.

    Ends with 0 when it has an explanation, 1 when it has none, 2 when it could not run.
    """
    from app.cli.explain_report import print_json, print_text

    read = _read(error, has_more=bool(url or file))
    evidence = Evidence(
        now=datetime.now(UTC),
        answer=read.answer,
        url=_parsed(url or read.url),
        sent=_sent(method or read.method, header or []),
    )
    explanation = explained(evidence) if file is None else _with_record(evidence, file)
    (print_json if as_json else print_text)(explanation)
    raise typer.Exit(0 if explanation.is_recognised else FOUND)


def _read(name: str | None, *, has_more: bool) -> ReadText:
    """The answer, which may be missing where there is `has_more` to go by."""
    body = b"" if name is None and sys.stdin.isatty() else _bytes(name or _STDIN)
    try:
        read = read_text(decode(body))
    except ValueError as problem:
        raise CommandError(f"{_called(name)} cannot be explained: {problem}") from None
    if read.answer is None and (body.strip() or not has_more):
        raise CommandError(_nothing_found(name, body))
    return read


def _bytes(name: str) -> bytes:
    """One byte more than is read, so that too much is seen."""
    if name == _STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as source:
            return source.read(MAX_BYTES + 1)
    except OSError as problem:
        raise CommandError(f"{name} cannot be read: {problem.strerror}") from None


def _called(name: str | None) -> str:
    return "standard input" if name in (None, _STDIN) else str(name)


def _nothing_found(name: str | None, body: bytes) -> str:
    if not body.strip():
        return (
            "there is nothing to explain: give the body of the store's answer in a file or on "
            "standard input, or --url or --file. Answers to HEAD, and those that the browser "
            "hides for CORS, have none: `python -m app doctor`"
        )
    return (
        f"{_called(name)} holds no answer of a store: give the body, which begins with <Error>, "
        "or the text of the browser's console"
    )


def _parsed(url: str | None) -> PresignedUrl | None:
    if url is None:
        return None
    try:
        return PresignedUrl.parse(url)
    except ValueError as problem:
        raise CommandError(f"the URL cannot be compared: {problem}") from None


def _sent(method: str | None, lines: list[str]) -> SentRequest | None:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise CommandError("write --header 'Name: value', as it was sent")
        headers[name.strip().lower()] = value.strip()
    return SentRequest(method=method, headers=headers) if method or headers else None


def _with_record(evidence: Evidence, file_id: UUID) -> Explanation:
    wanted = load_settings()
    configure_logging(wanted)
    with reachable_engines(wanted) as settings:
        return asyncio.run(_compare(settings, evidence, file_id))


async def _compare(settings: Settings, evidence: Evidence, file_id: UUID) -> Explanation:
    from botocore.exceptions import BotoCoreError

    from app.container import open_explain
    from app.infrastructure.storage.failures import unavailable

    signed_at = evidence.url.signed_at if evidence.url else None
    # As of a time to come, credentials that end would be renewed.
    at = min(signed_at or evidence.now, evidence.now)
    try:
        async with open_explain(settings, signing_as_of=at) as service:
            return await service.explain(evidence, file_id)
    except BotoCoreError as error:  # such as a profile that there is not
        raise unavailable(error) from error
    except ValueError as error:
        raise CommandError(str(error)) from None
