"""Uploads over time, as PostgreSQL counts them."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.database.config import Database
from app.domain.file import FileRecord, FileStatus
from app.domain.history import Interval, Outcomes, Period, periods
from app.repository import history_repository
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.history_repository import HistoryRepository
from tests.support.records import a_creation, a_record, id_made_at

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
HOURS = periods(Interval.HOUR, 3, NOW)


def begun(at: datetime, owner: str, status: str, deleted: bool = False) -> FileRecord:
    file_id = id_made_at(at)
    return a_record(
        id=file_id,
        owner=owner,
        key=f"uploads/{file_id}",
        status=FileStatus(status),
        created_at=at,
        deleted_at=at if deleted else None,
    )


@pytest.fixture
async def history(database: Database, repository: FileStorageRepository) -> HistoryRepository:
    return HistoryRepository(database)


async def fill(repository: FileStorageRepository, records: Sequence[FileRecord]) -> None:
    await repository.insert_many([(record, a_creation(record)) for record in records])


async def test_each_upload_counts_in_its_period_by_what_became_of_it(
    history: HistoryRepository, repository: FileStorageRepository
) -> None:
    first, _, last = (period.start for period in HOURS)
    states = [status.value for status in FileStatus]
    await fill(repository, [begun(first, "ann", state) for state in states])
    await fill(repository, [begun(first, "ann", state, deleted=True) for state in states])
    await fill(repository, [begun(last + timedelta(minutes=59), "bob", "completed")])
    await fill(repository, [begun(first - timedelta(milliseconds=1), "ann", "failed")])
    await fill(repository, [begun(HOURS[-1].end, "ann", "failed")])

    of_ann = dict.fromkeys(states, 1) | {"deleted": 5}
    nothing = [Outcomes(at=period.start) for period in HOURS]
    begun_by_ann = dataclasses.replace(nothing[0], **of_ann)
    begun_by_bob = dataclasses.replace(nothing[2], completed=1)
    assert await history.outcomes(HOURS) == [begun_by_ann, nothing[1], begun_by_bob]
    assert await history.outcomes(HOURS, "ann") == [begun_by_ann, *nothing[1:]]
    assert await history.outcomes(HOURS, "bob") == [*nothing[:2], begun_by_bob]
    assert await history.outcomes(HOURS, "nobody") == nothing


async def test_counting_ends_somewhere(
    history: HistoryRepository, repository: FileStorageRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))
    times = [day.start + timedelta(hours=hour) for hour in range(5)]
    await fill(repository, [begun(at, "cat", "failed") for at in times])
    most = str(history_repository.MOST_COUNTED)
    monkeypatch.setattr(
        history_repository, "OUTCOMES", history_repository.OUTCOMES.replace(most, "3")
    )

    assert [outcomes.failed for outcomes in await history.outcomes([day])] == [3]
    assert [outcomes.failed for outcomes in await history.outcomes([day], "cat")] == [5]
