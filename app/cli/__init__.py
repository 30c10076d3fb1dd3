"""The command line: `python -m app COMMAND`, one file for each command."""

import typer

from app.cli.manners import open_standard_streams
from app.cli.on_demand import OnDemand

_OPERATORS = (
    "serve",
    "worker",
    "token",
    "migrate",
    "bucket",
    "doctor",
    "explain",
    "reconcile",
    "openapi",
)
_CLIENTS = ("upload", "download", "ls", "rm")
_GROUPS = ("jobs", "events")


class _Slipway(OnDemand):
    names = (*_OPERATORS, *_CLIENTS, *_GROUPS)


# Rich tracebacks print local variables, and with them secrets.
app = typer.Typer(
    name="slipway",
    cls=_Slipway,
    callback=lambda: None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    open_standard_streams()
    app(prog_name="python -m app")
