"""The process that is killed: `python -m tests.kill.victim`."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from app.domain.file import FileRecord
from app.exceptions.errors import SlipwayError
from app.infrastructure.storage.s3 import S3ObjectStore, open_s3_store
from app.settings import Settings
from tests.kill.scenarios import SCENARIOS
from tests.kill.stage import Clock, Stage, open_database, real
from tests.support.killing import KillAfter
from tests.support.victims import breed


@dataclass(frozen=True)
class Order:
    """Do what the scenario of that name says with the owner's files, up to a number of steps."""

    clock: Clock
    owner: str
    scenario: str
    steps: int
    files: Sequence[FileRecord]


@dataclass(frozen=True)
class Prepared:
    """A store that was opened once: boto3 takes 0.1 s of CPU for its clients."""

    settings: Settings
    store: S3ObjectStore
    clock: Clock


def prepare(settings: Settings) -> Prepared:
    clock = Clock()
    store = asyncio.run(
        open_s3_store(settings, clock=clock, on_call=lambda *_: None, on_signer=lambda _: None)
    )
    # Threads do not survive a fork.
    store._pool.shutdown()
    return Prepared(settings, store, clock)


def live(prepared: Prepared, order: Order) -> None:
    prepared.store._pool = ThreadPoolExecutor(4)
    prepared.clock.ahead = order.clock.ahead
    asyncio.run(_live(prepared, order))


async def _live(prepared: Prepared, order: Order) -> None:
    [scenario] = [s for s in SCENARIOS if s.name == order.scenario]
    async with open_database(prepared.settings) as database:
        adapters = real(database, prepared.store)
        stage = Stage(adapters, prepared.clock, order.owner, KillAfter(order.steps))
        with suppress(SlipwayError):
            await scenario.act(stage, order.files)


if __name__ == "__main__":
    breed(prepare, live)
