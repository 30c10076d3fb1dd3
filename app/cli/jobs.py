"""`python -m app jobs`: what the workers have to do, and could not."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.cli.table import table
from app.infrastructure.embedded.stack import reachable_engines
from app.settings import Settings

if TYPE_CHECKING:
    from app.repository.job_repository import JobRepository, QueuedJob

T = TypeVar("T")

jobs = typer.Typer(name="jobs", no_args_is_help=True, help="List jobs, and run failed ones again.")

_MOST = 2**63 - 1
"""PostgreSQL's bigint."""

_COLUMNS = ("ID", "JOB", "STATUS", "ATTEMPTS", "NOT BEFORE", "FILE")


class Status(StrEnum):
    FAILED = "failed"
    TODO = "todo"
    DOING = "doing"


@jobs.command("list")
def list_(
    status: Annotated[Status, typer.Option(help="What became of them.")] = Status.FAILED,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="How many, the oldest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Print jobs: by default those that have failed for good."""
    found = _ask(lambda queue: queue.page(status.value, limit=limit))
    if as_json:
        print(json.dumps([asdict(job) for job in found], default=str, indent=2))
    else:
        print("\n".join(table([_COLUMNS, *map(_row, found)])))


@jobs.command()
def retry(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID...", min=1, max=_MOST, help="From list.")
    ] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every failed job.")] = False,
) -> None:
    """Run failed jobs again, from their first attempt."""
    if bool(ids) == all_failed:
        raise CommandError("name the jobs by their ids, or all of them by --all-failed")
    wanted = set(ids or ())
    retried = _ask(lambda queue: queue.retry(None if all_failed else sorted(wanted)))
    print(f"{len(retried)} to run again")
    if missing := sorted(wanted - set(retried)):
        raise CommandError(f"not among the failed jobs: {', '.join(map(str, missing))}")


def _ask(question: "Callable[[JobRepository], Awaitable[T]]") -> T:
    with reachable_engines(load_settings(), store=False) as settings:
        return asyncio.run(_answer(settings, question))


async def _answer(settings: Settings, question: "Callable[[JobRepository], Awaitable[T]]") -> T:
    from app.container import build_database
    from app.repository.job_repository import JobRepository

    try:
        database = build_database(settings)
    except ValueError as error:
        raise CommandError(str(error)) from None
    await database.open()
    try:
        return await question(JobRepository(database))
    finally:
        await database.close()


def _row(job: "QueuedJob") -> tuple[str, ...]:
    at = job.at.isoformat(timespec="seconds") if job.at else "-"
    return (str(job.id), job.name, job.status, str(job.attempts), at, str(job.file_id or "-"))
