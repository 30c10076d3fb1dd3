"""The command line: `python -m app COMMAND`, one file for each command."""

import typer

from app.cli.bucket import bucket
from app.cli.doctor import doctor
from app.cli.download import download
from app.cli.events import events
from app.cli.explain import explain
from app.cli.jobs import jobs
from app.cli.ls import ls
from app.cli.manners import Mannered, open_standard_streams
from app.cli.migrate import migrate
from app.cli.openapi import openapi
from app.cli.reconcile import reconcile
from app.cli.rm import rm
from app.cli.serve import serve
from app.cli.token import token
from app.cli.upload import upload
from app.cli.worker import worker

# Rich tracebacks print local variables, and with them secrets.
app = typer.Typer(
    name="slipway",
    cls=Mannered,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
operators = (serve, worker, token, migrate, bucket, doctor, explain, reconcile, openapi)
clients = (upload, download, ls, rm)
for command in (*operators, *clients):
    app.command()(command)
app.add_typer(jobs)
app.add_typer(events)


def main() -> None:
    open_standard_streams()
    app(prog_name="python -m app")
