"""Many reports in one call, in orders and outages that only twins can make."""

import asyncio
import uuid
from contextlib import nullcontext

import pytest

from app.domain.file import FileRecord, FileStatus
from app.exceptions.errors import (
    DatabaseUnavailable,
    NotFound,
    ObjectMissing,
    SlipwayError,
    StorageUnavailable,
)
from app.service import patience
from app.service.concurrency import AT_ONCE
from app.service.patience import LONGEST, OUTAGES, Patience
from app.service.status_reports import Outcome, StatusReport
from tests.support.world import ALICE, World


@pytest.fixture
def world() -> World:
    return World()


def uploaded(*records: FileRecord) -> list[StatusReport]:
    return [StatusReport(record.id, FileStatus.UPLOADED) for record in records]


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [o.code if isinstance(o, SlipwayError) else o.status for o in outcomes]


async def test_each_has_an_outcome_of_its_own_in_order(world: World) -> None:
    there, missing = await world.uploaded(), await world.uploaded()
    del world.store.objects[missing.key]
    stranger = StatusReport(uuid.uuid4(), FileStatus.UPLOADED)
    given_up = StatusReport((await world.uploaded()).id, FileStatus.FAILED, "given up")
    reports = [*uploaded(missing), stranger, given_up, *uploaded(there)]
    world.counts.clear()

    outcomes = await world.reports.update_all(ALICE, reports)

    assert statuses(outcomes) == ["object_missing", "not_found", "failed", "uploaded"]
    assert [getattr(outcomes[2], name) for name in ("id", "status_reason")] == [
        given_up.id,
        "given up",
    ]
    told = [count for count in world.counts if count[0] == "report"]
    assert told == [
        ("report", "object_missing"),
        ("report", "not_found"),
        ("report", "done"),
        ("report", "done"),
    ]
    again = await world.reports.update_all(ALICE, reports)
    assert statuses(again) == statuses(outcomes)
    assert len(world.repository.trail[there.id]) == 2, "repeating it does nothing"


async def test_other_bytes_fail_the_one_file_they_are_in(world: World) -> None:
    good, bad = await world.uploaded(), await world.uploaded()
    world.store.put(bad.key, b"other bytes", "text/plain")
    outcomes = await world.reports.update_all(ALICE, uploaded(bad, good))
    assert statuses(outcomes) == ["verification_failed", "uploaded"]
    assert await world.status(bad) is FileStatus.FAILED
    assert bad.key not in world.store.objects


async def test_one_that_is_overtaken_sees_the_outcome(world: World) -> None:
    record = await world.uploaded()
    world.before_next_move(lambda: world.move(record, FileStatus.UPLOADED))
    assert statuses(await world.reports.update_all(ALICE, uploaded(record))) == ["uploaded"]
    assert len(world.repository.trail[record.id]) == 2
    other = await world.uploaded()
    world.before_next_move(lambda: world.move(other, FileStatus.FAILED))
    assert statuses(await world.reports.update_all(ALICE, uploaded(other))) == [
        "illegal_transition"
    ]


async def test_a_dead_store_is_not_asked_a_hundred_times(world: World) -> None:
    records = [await world.uploaded() for _ in range(100)]
    world.store.down = True
    asked = world.store.calls["head"]
    outcomes = await world.reports.update_all(ALICE, uploaded(*records))
    assert statuses(outcomes) == ["storage_unavailable"] * 100
    assert world.store.calls["head"] - asked < AT_ONCE + OUTAGES
    world.store.down = False
    outcomes = await world.reports.update_all(ALICE, uploaded(*records))
    assert statuses(outcomes) == ["uploaded"] * 100, "nothing was lost"


async def test_a_dead_database_is_told_before_anything_is_done(world: World) -> None:
    record = await world.uploaded()
    world.repository.down = True
    with pytest.raises(DatabaseUnavailable):
        await world.reports.update_all(ALICE, uploaded(record))


async def test_no_more_are_under_way_than_the_store_has_connections(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [await world.uploaded() for _ in range(3 * AT_ONCE)]
    honest, now, most = world.store.head, 0, 0

    async def head(key: str) -> object:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return await honest(key)

    monkeypatch.setattr(world.store, "head", head)
    outcomes = await world.reports.update_all(ALICE, uploaded(*records))
    assert statuses(outcomes) == ["uploaded"] * len(records)
    assert 1 < most <= AT_ONCE


class TestPatience:
    async def spent(self, patience: Patience, error: SlipwayError | None) -> None:
        async with patience.tried():
            if error:
                raise error

    async def test_outages_in_a_row_end_it_with_the_last(self) -> None:
        patience = Patience()
        for number in range(OUTAGES):
            with pytest.raises(StorageUnavailable, match=str(number)):
                await self.spent(patience, StorageUnavailable(str(number)))
        with pytest.raises(StorageUnavailable, match=str(OUTAGES - 1)):
            await self.spent(patience, None)

    @pytest.mark.parametrize("answer", [None, ObjectMissing(""), NotFound("")])
    async def test_any_answer_between_them_restores_it(self, answer: SlipwayError | None) -> None:
        patience = Patience()
        for error in [*[StorageUnavailable("")] * (OUTAGES - 1), answer] * 3:
            with pytest.raises(type(error)) if error else nullcontext():
                await self.spent(patience, error)

    async def test_it_ends_after_a_time(self) -> None:
        now = 5.0
        patience = Patience(lambda: now)
        now += LONGEST - 0.1
        await self.spent(patience, None)
        now += 0.1
        with pytest.raises(StorageUnavailable, match="report this one again"):
            await self.spent(patience, None)

    def test_a_call_is_answered_within_a_proxys_minute(self) -> None:
        assert patience.LONGEST + 10 + 5 < 60, "with the defaults of both timeouts"
