"""`python -m app events`: parked messages are listed, taken up and dropped."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.cli.server import resolved_environment
from app.container import open_container
from app.infrastructure.metrics import Metrics
from app.settings import Settings
from tests.support.events import s3_body
from tests.support.service import User

Command = Callable[..., Result]


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    for name, value in resolved_environment(settings, Settings(_env_file=None)).items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(app, ["events", *words])


async def park(settings: Settings, *bodies: str) -> list[str]:
    """Their ids."""
    async with open_container(settings, metrics=Metrics()) as container:
        for number, body in enumerate(bodies):
            await container.parked_events.park(f"{body}-{number}", body, "for a \x1b[31m test")
        return [str(event.id) for event in await container.parked_events.page(limit=100)]


async def test_what_was_parked_is_taken_up_when_it_can_be(
    settings: Settings, command: Command, user: User
) -> None:
    record = await user.upload()
    good = json.dumps(s3_body(record["key"], bucket=settings.s3_bucket))
    bad_id, good_id = await park(settings, "no event", good)

    listed = await asyncio.to_thread(command, "list")
    assert listed.stdout.splitlines()[0].split() == ["ID", "PARKED", "BYTES", "REASON"]
    assert r"for a \x1b[31m test" in listed.stdout, "what others have sent steers no terminal"
    whole = json.loads((await asyncio.to_thread(command, "list", "--json")).stdout)
    assert [event["body"] for event in whole] == ["no event", good]

    retried = await asyncio.to_thread(command, "retry", "--all")
    assert retried.exit_code == 1
    assert "1 done" in retried.stdout
    assert f"{bad_id}: The body must be JSON" in retried.stderr
    assert (await user.call("GET", f"/files/{record['id']}")).json()["status"] == "uploaded"

    again = await asyncio.to_thread(command, "retry", good_id)
    assert "is not parked" in again.stderr
    dropped = await asyncio.to_thread(command, "drop", bad_id)
    assert (dropped.exit_code, dropped.stdout) == (0, "1 dropped\n")
    assert "not parked" in (await asyncio.to_thread(command, "drop", bad_id)).stderr
    assert json.loads((await asyncio.to_thread(command, "list", "--json")).stdout) == []


def test_it_wants_to_know_which(command: Command) -> None:
    assert "by their ids" in command("retry").stderr
    assert "by their ids" in command("retry", "1", "--all").stderr
