"""`python -m app events`: messages of bucket events that were put aside."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.asking import ask_service
from app.cli.errors import CommandError, Incomplete
from app.cli.table import table

if TYPE_CHECKING:
    from app.container import Container
    from app.repository.parked_event_repository import ParkedEvent

events = typer.Typer(
    name="events", no_args_is_help=True, help="List parked bucket events, take them up, drop them."
)

_COLUMNS = ("ID", "PARKED", "BYTES", "REASON")
_MANY = 1_000_000

Ids = Annotated[list[int] | None, typer.Argument(metavar="ID...", help="From list.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@events.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many, the oldest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, with bodies.")] = False,
) -> None:
    """Print the messages that could not be read, or failed too often."""
    found = ask_service(lambda container: container.parked_events.page(limit=limit))
    if as_json:
        print(json.dumps([asdict(event) for event in found], default=str, indent=2))
    else:
        print("\n".join(table([_COLUMNS, *map(_row, found)])))


@events.command()
def retry(
    ids: Ids = None,
    all_parked: Annotated[bool, typer.Option("--all", help="Every parked message.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deal with messages now, and forget those that succeed."""
    if bool(ids) == all_parked:
        raise CommandError("name the messages by their ids, or all of them by --all")
    done, failed = ask_service(lambda container: _retry(container, ids))
    missing = sorted(set(ids or ()) - {*done, *failed})
    failed |= dict.fromkeys(missing, "is not parked")
    print(json.dumps({"done": done, "failed": failed}) if as_json else f"{len(done)} done")
    if failed:
        raise Incomplete("; ".join(f"{number}: {why}" for number, why in failed.items()))


@events.command()
def drop(
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="From list.")],
    as_json: AsJson = False,
) -> None:
    """Forget messages; the files that they may be about are left to the sweep."""
    dropped = ask_service(lambda container: container.parked_events.drop(ids))
    missing = sorted(set(ids) - set(dropped))
    if as_json:
        print(json.dumps({"dropped": sorted(dropped), "not_parked": missing}))
    else:
        print(f"{len(dropped)} dropped")
    if missing:
        raise Incomplete(f"not parked: {', '.join(map(str, missing))}")


async def _retry(container: "Container", ids: list[int] | None) -> tuple[list[int], dict[int, str]]:
    """The ids of those that are done, and why the others are not."""
    from app.cli.progress import watched
    from app.exceptions.errors import SlipwayError
    from app.service.storage_events import read_json

    done: list[int] = []
    failed: dict[int, str] = {}
    for event in watched(await container.parked_events.page(ids, limit=_MANY), "messages"):
        try:
            await container.storage_events.receive(read_json(event.body))
        except SlipwayError as error:
            failed[event.id] = error.detail
        else:
            done += await container.parked_events.drop([event.id])
    return done, failed


def _row(event: "ParkedEvent") -> tuple[str, ...]:
    at = event.parked_at.isoformat(timespec="seconds")
    return (str(event.id), at, str(len(event.body)), event.reason)
