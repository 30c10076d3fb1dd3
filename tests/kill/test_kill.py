"""A process killed between any two steps leaves nothing that is not put right.

The steps are known by a dry run in memory; the killing is real, on PostgreSQL and an S3.
"""

import asyncio
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio

from app.domain.file import FileRecord
from app.exceptions.errors import (
    IllegalTransition,
    NotFound,
    SlipwayError,
    VerificationFailed,
)
from app.settings import Settings
from tests.kill.scenarios import DELETED, FAILED, SCENARIOS, Scenario
from tests.kill.stage import Adapters, Clock, Stage, in_memory, open_database, real
from tests.kill.victim import Order
from tests.support.aftermath import faults_at_rest, settle
from tests.support.ledger import Ledger, PostgresLedger
from tests.support.stores import open_store
from tests.support.victims import Victims

HAPPENED_ALREADY = (NotFound, IllegalTransition, VerificationFailed)
"""What a client hears that asks once more for what took place: the file is gone, or has failed."""


@dataclass(frozen=True)
class Point:
    """In a scenario, when so many steps are done, the last of them `after`."""

    scenario: Scenario
    steps: int
    after: str

    def __str__(self) -> str:
        return f"{self.scenario.name}: {self.steps} after {self.after}"


def points_of(scenario: Scenario) -> list[Point]:
    steps = ["nothing", *asyncio.run(_steps_of(scenario))]
    return [Point(scenario, number, step) for number, step in enumerate(steps)]


async def _steps_of(scenario: Scenario) -> list[str]:
    steps: list[str] = []
    clock = Clock()
    stage = Stage(in_memory(clock), clock, "owner")
    files = await scenario.given(stage)
    with suppress(SlipwayError):
        await scenario.act(Stage(stage.adapters, clock, "owner", steps.append), files)
    return steps


POINTS = [point for scenario in SCENARIOS for point in points_of(scenario)]


@dataclass(frozen=True)
class Theatre:
    adapters: Adapters
    clock: Clock
    ledger: Ledger
    victims: Victims


@pytest.fixture(scope="module")
def victims(settings: Settings) -> Iterator[Victims]:
    victims = Victims("tests.kill.victim", settings)
    yield victims
    victims.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def theatre(settings: Settings, victims: Victims) -> AsyncIterator[Theatre]:
    clock = Clock()
    async with open_database(settings) as database, open_store(settings, clock=clock) as store:
        yield Theatre(real(database, store), clock, PostgresLedger(database), victims)


@pytest.fixture
def stage(theatre: Theatre) -> Stage:
    theatre.clock.reset()
    return Stage(theatre.adapters, theatre.clock, uuid.uuid4().hex)


async def kill(theatre: Theatre, stage: Stage, point: Point) -> list[FileRecord]:
    """The files there were before."""
    files = await point.scenario.given(stage)
    if point.steps:  # A process that has done no step leaves nothing.
        order = Order(stage.clock, stage.owner, point.scenario.name, point.steps, files)
        ended = await asyncio.to_thread(theatre.victims.sacrifice, order)
        assert ended == -signal.SIGKILL, f"never came to {point}"
    return list(files)


async def ends(theatre: Theatre, stage: Stage) -> Counter[str]:
    records = await theatre.ledger.records(stage.owner)
    return Counter(DELETED if record.deleted_at else record.status for record in records)


async def rest(theatre: Theatre, stage: Stage) -> list[str]:
    """What is wrong once a new worker has done all there is to do."""
    await settle(stage.services, theatre.ledger, stage.owner, stage.clock.reach)
    folder = f"{stage.owner}/"
    return await faults_at_rest(theatre.ledger, theatre.adapters.store, stage.owner, folder)


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_nobody_comes_back(theatre: Theatre, stage: Stage, point: Point) -> None:
    await kill(theatre, stage, point)
    assert await rest(theatre, stage) == []
    expected = point.scenario.ends if point.steps else point.scenario.untouched
    assert await ends(theatre, stage) == Counter(expected)


@pytest.mark.parametrize("point", [p for p in POINTS if p.steps and p.scenario.again], ids=str)
async def test_the_client_comes_back(theatre: Theatre, stage: Stage, point: Point) -> None:
    files = await kill(theatre, stage, point)
    assert point.scenario.again is not None
    with suppress(*HAPPENED_ALREADY):
        await point.scenario.again(stage, files)
    expected = Counter(point.scenario.returned)
    assert expected <= await ends(theatre, stage)
    assert await rest(theatre, stage) == []
    others = await ends(theatre, stage) - expected
    assert others <= Counter({FAILED.value: point.scenario.lost})
