"""`python -m app events`: messages of bucket events that were put aside."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli.configuration import check_application, load_settings
from app.cli.errors import CommandError
from app.cli.table import table
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.stack import reachable_engines
from app.infrastructure.logging import configure_logging
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from app.repository.parked_event_repository import ParkedEvent

T = TypeVar("T")

events = typer.Typer(
    name="events", no_args_is_help=True, help="List parked bucket events, take them up, drop them."
)

_COLUMNS = ("ID", "PARKED", "BYTES", "REASON")
_MANY = 1_000_000

Ids = Annotated[list[int] | None, typer.Argument(metavar="ID...", help="From list.")]


@events.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many, the oldest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, with bodies.")] = False,
) -> None:
    """Print the messages that could not be read, or failed too often."""
    found = _ask(lambda container: container.parked_events.page(limit=limit))
    if as_json:
        print(json.dumps([asdict(event) for event in found], default=str, indent=2))
    else:
        print("\n".join(table([_COLUMNS, *map(_row, found)])))


@events.command()
def retry(
    ids: Ids = None,
    all_parked: Annotated[bool, typer.Option("--all", help="Every parked message.")] = False,
) -> None:
    """Deal with messages now, and forget those that succeed."""
    if bool(ids) == all_parked:
        raise CommandError("name the messages by their ids, or all of them by --all")
    done, failed = _ask(lambda container: _retry(container, ids))
    print(f"{len(done)} done")
    if missing := sorted(set(ids or ()) - {*done, *failed}):
        failed |= dict.fromkeys(missing, "is not parked")
    if failed:
        raise CommandError("; ".join(f"{number}: {why}" for number, why in failed.items()))


@events.command()
def drop(ids: Annotated[list[int], typer.Argument(metavar="ID...", help="From list.")]) -> None:
    """Forget messages; the files that they may be about are left to the sweep."""
    dropped = _ask(lambda container: container.parked_events.drop(ids))
    print(f"{len(dropped)} dropped")
    if missing := sorted(set(ids) - set(dropped)):
        raise CommandError(f"not parked: {', '.join(map(str, missing))}")


async def _retry(container: "Container", ids: list[int] | None) -> tuple[list[int], dict[int, str]]:
    """The ids of those that are done, and why the others are not."""
    from app.exceptions.errors import SlipwayError
    from app.service.storage_events import read_json

    done: list[int] = []
    failed: dict[int, str] = {}
    for event in await container.parked_events.page(ids, limit=_MANY):
        try:
            await container.storage_events.receive(read_json(event.body))
        except SlipwayError as error:
            failed[event.id] = error.detail
        else:
            done += await container.parked_events.drop([event.id])
    return done, failed


def _ask(question: "Callable[[Container], Awaitable[T]]") -> T:
    wanted = with_jwt_secret(load_settings())
    configure_logging(wanted)
    with reachable_engines(wanted) as settings:
        check_application(settings)
        return asyncio.run(_answer(settings, question))


async def _answer(settings: Settings, question: "Callable[[Container], Awaitable[T]]") -> T:
    from app.container import open_container
    from app.infrastructure.metrics import Metrics

    async with open_container(settings, metrics=Metrics()) as container:
        return await question(container)


def _row(event: "ParkedEvent") -> tuple[str, ...]:
    at = event.parked_at.isoformat(timespec="seconds")
    return (str(event.id), at, str(len(event.body)), event.reason)
