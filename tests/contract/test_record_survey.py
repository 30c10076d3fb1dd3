"""What every RecordSurvey answers, the in-memory twin and PostgreSQL alike."""

import dataclasses
from datetime import timedelta
from uuid import UUID

import pytest
import uuid_utils.compat

from app.domain.event import delete_requested
from app.domain.file import FileRecord, FileStatus
from app.domain.ports import FileRepository
from app.domain.reconciliation import Entry, RecordSurvey
from app.domain.transition import moved
from app.repository.reconciliation import PostgresRecordSurvey
from tests.fakes.file_repository import InMemoryFileRepository
from tests.fakes.record_survey import InMemoryRecordSurvey
from tests.support.records import NOON, a_creation, a_record

Survey = tuple[FileRepository, RecordSurvey]


@pytest.fixture(params=["memory", "postgresql"])
def both(request: pytest.FixtureRequest) -> Survey:
    if request.param == "memory":
        files = InMemoryFileRepository()
        return files, InMemoryRecordSurvey(files)
    database = request.getfixturevalue("database")
    return request.getfixturevalue("repository"), PostgresRecordSurvey(database)


@pytest.fixture
def files(both: Survey) -> FileRepository:
    return both[0]


@pytest.fixture
def survey(both: Survey) -> RecordSurvey:
    return both[1]


async def stored(files: FileRepository, *path: FileStatus, deleted: bool = False) -> FileRecord:
    """A record that has taken these steps."""
    record = a_record(owner=f"owner-{uuid_utils.compat.uuid7()}")
    await files.insert(record, a_creation(record))
    if not path:
        return record
    after, events = moved(record, path, "user:a", NOON)
    after = dataclasses.replace(after, deleted_at=NOON if deleted else None)
    assert await files.move(record, after, events)
    return after


async def test_records_are_found_by_their_keys_whoever_owns_them(
    files: FileRepository, survey: RecordSurvey
) -> None:
    pending, deleted = await stored(files), await stored(files, FileStatus.UPLOADED, deleted=True)
    await stored(files)
    found = await survey.by_keys([pending.key, deleted.key, "uploads/nobody's.txt"])
    assert found == {pending.key: pending, deleted.key: deleted}
    assert await survey.by_keys([]) == {}


async def test_entries_page_by_id_and_say_which_have_an_object(
    files: FileRepository, survey: RecordSurvey
) -> None:
    records = [
        await stored(files),
        await stored(files, FileStatus.UPLOADED),
        await stored(files, FileStatus.UPLOADED, FileStatus.PROCESSING),
        await stored(files, FileStatus.UPLOADED, FileStatus.COMPLETED),
        await stored(files, FileStatus.UPLOADED, deleted=True),
        await stored(files, FileStatus.FAILED),
    ]
    has_object = [False, True, True, True, False, False]
    expected = [Entry(r.id, r.key, has) for r, has in zip(records, has_object, strict=True)]
    first = await survey.entries(after=_just_before(records[0]), limit=4)
    second = await survey.entries(after=first[-1].id, limit=4)
    assert [*first, *second] == expected
    assert await survey.entries(after=records[-1].id, limit=4) == []
    assert len(await survey.entries(limit=2)) == 2


async def test_the_last_wish_to_delete_is_known(
    files: FileRepository, survey: RecordSurvey
) -> None:
    record, other = await stored(files), await stored(files)
    assert await survey.deletion_asked(record.id) is None
    for minutes in (1, 3, 2):
        at = NOON + timedelta(minutes=minutes)
        await files.append(record, delete_requested("alice", at))
    assert await survey.deletion_asked(record.id) == NOON + timedelta(minutes=3)
    assert await survey.deletion_asked(other.id) is None


async def test_owners_whose_files_are_all_counted_are_not_named(
    files: FileRepository, survey: RecordSurvey
) -> None:
    owners = [
        (await stored(files)).owner,
        (await stored(files, FileStatus.UPLOADED)).owner,
        (await stored(files, FileStatus.FAILED)).owner,
        (await stored(files, FileStatus.UPLOADED, deleted=True)).owner,
    ]
    assert await survey.miscounts([*owners, "nobody"]) == {}
    assert await survey.estimate() >= 0


def _just_before(record: FileRecord) -> UUID:
    return UUID(int=record.id.int - 1)
