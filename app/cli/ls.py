"""`python -m app ls`: what a service holds of the caller's files."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from app.cli.connection import (
    DEFAULT_URL,
    Token,
    TokenFile,
    Url,
    connect,
    token_of,
    well_ended,
)
from app.cli.table import printable
from app.client.answers import File
from app.client.api import Api
from app.client.listing import pages
from app.domain.file import FileStatus

SHORT = ("id", "status", "size", "created", "filename")
LONG = ("id", "status", "size", "created", "type", "policy", "method", "etag", "key", "filename")


def ls(
    status: Annotated[FileStatus | None, typer.Option(help="Only files in this state.")] = None,
    policy: Annotated[str | None, typer.Option(help="Only files under this upload policy.")] = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="All that there is to say.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="However many there are.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each file.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """List files, the newest first: a table on a terminal, else columns between tabs."""
    with well_ended("nothing was changed"):
        api = Api(connect(url, token_of(token, token_file), 1))
        found = pages(api, status=status, policy=policy, limit=None if every else limit)
        if as_json:
            _print_json(found)
        elif sys.stdout.isatty():
            _print_tables(found, LONG if long else SHORT)
        else:
            _print_lines(found, LONG if long else SHORT)


def _print_json(found: Iterable[Sequence[File]]) -> None:
    for page in found:
        for file in page:
            print(json.dumps(_document(file)))


def _print_lines(found: Iterable[Sequence[File]], columns: Sequence[str]) -> None:
    for page in found:
        for file in page:
            cells = _cells(file)
            print("\t".join(cells[column] for column in columns))


def _print_tables(found: Iterable[Sequence[File]], columns: Sequence[str]) -> None:
    """One for each page: the next is not waited for."""
    console = Console()
    for page in found:
        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for file in page:
            cells = _cells(file) | {"size": decimal(file.file_size)}
            # As text, or brackets in names would be taken for markup.
            table.add_row(*(Text(cells[column]) for column in columns))
        console.print(table)


def _cells(file: File) -> dict[str, str]:
    plain = {name: str(value or "-") for name, value in _document(file).items()}
    more = {"size": str(file.file_size), "created": file.created_at}
    return {name: printable(text) for name, text in (plain | more).items()}


def _document(file: File) -> dict[str, object]:
    return {
        "id": file.id,
        "status": file.status,
        "status_reason": file.status_reason,
        "filename": file.filename,
        "type": file.type,
        "file_size": file.file_size,
        "created_at": file.created_at,
        "key": file.key,
        "policy": file.policy,
        "method": file.method,
        "etag": file.etag,
        "checksum": file.checksum,
        "metadata": dict(file.metadata),
    }
