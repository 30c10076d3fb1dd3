"""A process killed between any two steps leaves nothing that is not put right.

The steps are known by a dry run in memory; the killing is real, on PostgreSQL and an S3.
"""

import asyncio
import dataclasses
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio

from app.domain.file import FileRecord
from app.domain.webhook import CLAIM_LIFE, Claim, Delivery, DeliveryStatus, Webhook
from app.exceptions.errors import (
    IllegalTransition,
    NotFound,
    SlipwayError,
    VerificationFailed,
)
from app.infrastructure.webhooks.signing import new_secret
from app.repository.webhook_repository import PostgresWebhookRepository
from app.settings import Settings
from tests.kill.scenarios import DELETED, FAILED, SCENARIOS, Scenario
from tests.kill.stage import Adapters, Clock, Stage, in_memory, open_database, real
from tests.kill.victim import Order
from tests.support.aftermath import (
    faults_at_rest,
    run_jobs,
    settle,
    unwanted_in_store,
    wrong_deliveries,
)
from tests.support.killing import is_step
from tests.support.stores import open_store
from tests.support.victims import Victims

HAPPENED_ALREADY = (NotFound, IllegalTransition, VerificationFailed)
"""What a client hears that asks once more for what took place: the file is gone, or has failed."""

FORGETTING = "queue.delete"
"""The step after which nobody tells again."""


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

    async def note(call: str) -> None:
        if is_step(call):
            steps.append(call)

    with suppress(SlipwayError):
        await scenario.act(dataclasses.replace(stage, after_call=note), files)
    return steps


POINTS = [point for scenario in SCENARIOS for point in points_of(scenario)]


@dataclass(frozen=True)
class Theatre:
    adapters: Adapters
    clock: Clock
    victims: Victims
    webhooks: PostgresWebhookRepository


@pytest.fixture(scope="module")
def victims(settings: Settings) -> Iterator[Victims]:
    victims = Victims("tests.kill.victim", settings)
    yield victims
    victims.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def theatre(settings: Settings, victims: Victims) -> AsyncIterator[Theatre]:
    clock = Clock()
    async with open_database(settings) as database, open_store(settings, clock=clock) as store:
        webhooks = PostgresWebhookRepository(database)
        yield Theatre(real(database, store), clock, victims, webhooks)


@pytest.fixture
def stage(theatre: Theatre) -> Stage:
    theatre.clock.reset()
    return Stage(theatre.adapters, theatre.clock, uuid.uuid4().hex)


@pytest_asyncio.fixture
async def webhook(theatre: Theatre, stage: Stage) -> AsyncIterator[Webhook]:
    """Of the owner, who wants to be told everything."""
    now = stage.clock()
    webhook = Webhook(
        id=uuid.uuid4(),
        owner=stage.owner,
        url="https://example.com/hook",
        secret=new_secret(),
        created_at=now,
        updated_at=now,
    )
    assert await theatre.webhooks.add(webhook, most=1)
    yield webhook
    await theatre.webhooks.remove(webhook.id)  # so that no worker sends anything


async def kill(theatre: Theatre, stage: Stage, point: Point) -> list[FileRecord]:
    """The files there were before."""
    files = await point.scenario.given(stage)
    if point.steps:  # A process that has done no step leaves nothing.
        order = Order(stage.clock, stage.owner, point.scenario.name, point.steps, files)
        ended = await asyncio.to_thread(theatre.victims.sacrifice, order)
        assert ended == -signal.SIGKILL, f"never came to {point}"
    return list(files)


async def ends(stage: Stage) -> Counter[str]:
    records = await stage.adapters.ledger.records(stage.owner)
    return Counter(DELETED if record.deleted_at else record.status for record in records)


async def left_by_jobs(stage: Stage) -> list[str]:
    """What is left of unwanted files once a new worker has done the jobs that are due now."""
    await run_jobs(stage.services, stage.adapters.ledger, stage.owner, stage.clock())
    records = await stage.adapters.ledger.records(stage.owner)
    return await unwanted_in_store(records, stage.adapters.store, stage.folder)


async def rest(stage: Stage) -> list[str]:
    """What is wrong once a new worker has done all there is to do."""
    await settle(stage.services, stage.adapters.ledger, stage.owner, stage.clock.reach)
    return await faults_at_rest(
        stage.adapters.ledger, stage.adapters.store, stage.owner, stage.folder
    )


async def mistold(theatre: Theatre, stage: Stage, webhook: Webhook) -> list[str]:
    """What of the files' moves is not on its way to the webhook exactly once, in order."""
    sent = await told_in_order(theatre, stage)
    newest_first = await theatre.webhooks.deliveries(webhook.id, before=None, limit=100)
    found = [] if len(sent) == len(newest_first) else [f"{newest_first} are not all on their way"]
    for record in await stage.adapters.ledger.records(stage.owner):
        trail = await stage.adapters.ledger.trail(record.id)
        told = [delivery.event for delivery in sent if delivery.file_id == record.id]
        found += wrong_deliveries(trail, told)
    return found


async def told_in_order(theatre: Theatre, stage: Stage) -> list[Delivery]:
    """As workers claim them, until nothing is left: there is no other webhook."""
    sent: list[Delivery] = []
    claim = Claim(now := stage.clock(), now + CLAIM_LIFE, most=100, most_each=100)
    while claimed := await theatre.webhooks.claim(claim):
        sent += [outgoing.delivery for outgoing in claimed]
        await theatre.webhooks.note(
            [dataclasses.replace(o.delivery, status=DeliveryStatus.DELIVERED) for o in claimed]
        )
    return sent


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_nobody_comes_back(
    theatre: Theatre, stage: Stage, webhook: Webhook, point: Point
) -> None:
    await kill(theatre, stage, point)
    if point.after == FORGETTING:
        assert await ends(stage) == Counter(point.scenario.ends)
    assert point.scenario.late or await left_by_jobs(stage) == []
    assert await rest(stage) == []
    assert await mistold(theatre, stage, webhook) == []
    expected = point.scenario.ends if point.steps else point.scenario.untouched
    assert await ends(stage) == Counter(expected)


@pytest.mark.parametrize("point", [p for p in POINTS if p.steps and p.scenario.again], ids=str)
async def test_the_client_comes_back(
    theatre: Theatre, stage: Stage, webhook: Webhook, point: Point
) -> None:
    files = await kill(theatre, stage, point)
    assert point.scenario.again is not None
    with suppress(*HAPPENED_ALREADY):
        await point.scenario.again(stage, files)
    expected = Counter(point.scenario.returned)
    assert expected <= await ends(stage)
    assert await rest(stage) == []
    assert await mistold(theatre, stage, webhook) == []
    others = await ends(stage) - expected
    assert others <= Counter({FAILED.value: point.scenario.lost})
