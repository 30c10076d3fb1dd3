"""`python -m app jobs`: what the workers have to do, and could not."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli.asking import ask_database
from app.cli.errors import CommandError, Incomplete
from app.cli.table import table

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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Run failed jobs again, from their first attempt."""
    if bool(ids) == all_failed:
        raise CommandError("name the jobs by their ids, or all of them by --all-failed")
    wanted = set(ids or ())
    retried = _ask(lambda queue: queue.retry(None if all_failed else sorted(wanted)))
    missing = sorted(wanted - set(retried))
    if as_json:
        print(json.dumps({"retried": sorted(retried), "not_failed": missing}))
    else:
        print(f"{len(retried)} to run again")
    if missing:
        raise Incomplete(f"not among the failed jobs: {', '.join(map(str, missing))}")


def _ask(question: "Callable[[JobRepository], Awaitable[T]]") -> T:
    from app.repository.job_repository import JobRepository

    return ask_database(lambda database: question(JobRepository(database)))


def _row(job: "QueuedJob") -> tuple[str, ...]:
    at = job.at.isoformat(timespec="seconds") if job.at else "-"
    return (str(job.id), job.name, job.status, str(job.attempts), at, str(job.file_id or "-"))
