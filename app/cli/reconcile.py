"""`python -m app reconcile`: compare store and records."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.asking import ask_service
from app.cli.errors import FOUND

if TYPE_CHECKING:
    from app.cli.reconcile_report import JsonReport, TextReport
    from app.container import Container
    from app.service.reconcile import Outcome, Wish

_DECADE = 10 * 365 * 24 * 60
"""Minutes; a bound that leaves every date one that Python has."""

_STATEMENT_TIMEOUT = 60.0
"""Seconds at least. Counting the files of a large owner takes longer than an API call may wait."""


def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be.")] = False,
    remove_unknown: Annotated[
        bool,
        typer.Option(
            "--remove-unknown",
            help="Remove objects and unfinished uploads without a record that are a day old.",
        ),
    ] = False,
    min_age: Annotated[
        int,
        typer.Option(
            min=0,
            max=_DECADE,
            metavar="MINUTES",
            help="Leave alone what changed within these.",
        ),
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare what the store holds with the records, both ways, and what owners are said to hold.

    Ends with 0 when nothing is wrong (any more), 1 when findings remain, 2 when it could not run.
    """
    from app.cli.reconcile_report import JsonReport, TextReport
    from app.service.reconcile import Wish

    wish = Wish(repair=repair, remove_unknown=remove_unknown, at_rest=timedelta(minutes=min_age))
    report = JsonReport() if as_json else TextReport()
    outcome = ask_service(
        lambda container: _run(container, wish, report), statement_timeout=_STATEMENT_TIMEOUT
    )
    raise typer.Exit(FOUND if outcome.remaining else 0)


async def _run(
    container: "Container", wish: "Wish", report: "JsonReport | TextReport"
) -> "Outcome":
    from app.cli.reconcile_progress import progress

    started = time.monotonic()
    with progress(await container.reconcile.estimate()) as on_seen:
        outcome = await container.reconcile.run(wish, on_finding=report.finding, on_seen=on_seen)
    report.end(outcome, time.monotonic() - started)
    return outcome
