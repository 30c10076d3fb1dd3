"""`python -m app doctor`: find what breaks direct uploads, and mend it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.configuration import load_settings
from app.cli.errors import FOUND, CommandError
from app.domain.diagnosis import Diagnosis, Examination, Remedy, failure
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.stack import reachable_engines
from app.infrastructure.logging import configure_logging
from app.settings import Settings

if TYPE_CHECKING:
    from app.service.doctor import Doctor


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is safe to mend.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This check and those it needs; may be repeated."),
    ] = None,
) -> None:
    """Examine store, database and settings: what is wrong, why it matters, what mends it.

    Ends with 0 when there is no problem (any more), 1 when warnings or failures remain, 2 when it
    could not run.
    """
    from app.cli.doctor_report import print_report
    from app.schemas.response.doctor_response import DoctorResponse

    diagnosis = _diagnose(fix, only or [])
    if as_json:
        print(json.dumps(DoctorResponse.of(diagnosis).model_dump(mode="json"), indent=2))
    else:
        print_report(diagnosis)
    raise typer.Exit(FOUND if diagnosis.problems else 0)


def _diagnose(fix: bool, only: list[str]) -> Diagnosis:
    try:
        wanted = with_jwt_secret(load_settings())
    except CommandError as error:
        return _unreadable(str(error))
    configure_logging(wanted)
    with reachable_engines(wanted) as settings:
        return asyncio.run(_examine(settings, fix, only))


async def _examine(settings: Settings, fix: bool, only: list[str]) -> Diagnosis:
    from app.cli.doctor_report import progress
    from app.container import open_doctor

    async with open_doctor(settings) as doctor:
        _check_names(doctor, only)
        with progress(doctor.names) as on_examined:
            return await doctor.examine(only=only, fix=fix, on_examined=on_examined)


def _check_names(doctor: "Doctor", only: list[str]) -> None:
    unknown = sorted(set(only) - set(doctor.names))
    if unknown:
        raise CommandError(
            f"there is no check {', '.join(unknown)}; there are: {', '.join(doctor.names)}"
        )


def _unreadable(what: str) -> Diagnosis:
    finding = failure(
        f"{what[:1].upper()}{what[1:]}.",
        why="The service does not start with them.",
        remedy=Remedy(text="Mend the settings that are named: .env.example explains each."),
    )
    examination = Examination(name="settings", title="Settings", findings=[finding])
    return Diagnosis(examinations=[examination], at=datetime.now(UTC), seconds=0)
