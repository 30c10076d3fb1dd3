"""`python -m app reconcile`: compare store and records."""

import asyncio
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.configuration import check_application, load_settings
from app.cli.errors import EXPECTED
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.stack import reachable_engines
from app.infrastructure.logging import configure_logging
from app.settings import Settings

if TYPE_CHECKING:
    from app.cli.reconcile_report import JsonReport, TextReport
    from app.container import Container
    from app.service.reconcile import Outcome, Wish

FOUND, FAILED = 1, 2
"""Exit codes: findings remain; nothing can be said."""

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
    from app.service.reconcile import Wish

    wish = Wish(repair=repair, remove_unknown=remove_unknown, at_rest=timedelta(minutes=min_age))
    try:
        outcome = _compare(wish, as_json)
    except EXPECTED as error:
        print(f"slipway: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    raise typer.Exit(FOUND if outcome.remaining else 0)


def _compare(wish: "Wish", as_json: bool) -> "Outcome":
    wanted = with_jwt_secret(load_settings())
    configure_logging(wanted)
    with reachable_engines(wanted) as settings:
        check_application(settings)
        patient = max(settings.database_timeout, _STATEMENT_TIMEOUT)
        return asyncio.run(
            _report(settings.model_copy(update={"database_timeout": patient}), wish, as_json)
        )


async def _report(settings: Settings, wish: "Wish", as_json: bool) -> "Outcome":
    from botocore.exceptions import BotoCoreError

    from app.cli.reconcile_report import JsonReport, TextReport
    from app.container import open_container
    from app.infrastructure.metrics import Metrics
    from app.infrastructure.storage.failures import unavailable

    report = JsonReport() if as_json else TextReport()
    try:
        async with open_container(settings, metrics=Metrics()) as container:
            return await _run(container, wish, report)
    except BotoCoreError as error:  # of the opening, such as a profile that there is not
        raise unavailable(error) from error


async def _run(
    container: "Container", wish: "Wish", report: "JsonReport | TextReport"
) -> "Outcome":
    from app.cli.reconcile_progress import progress

    await container.pings["migrations"]()
    started = time.monotonic()
    with progress(await container.reconcile.estimate()) as on_seen:
        outcome = await container.reconcile.run(wish, on_finding=report.finding, on_seen=on_seen)
    report.end(outcome, time.monotonic() - started)
    return outcome
