"""What store and records can disagree in, and what is done about it, on the twins."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.container import build_reconcile
from app.domain.event import delete_requested
from app.domain.file import FileRecord, FileStatus
from app.domain.ports import ObservedObject, UploadSpec
from app.domain.principal import Principal
from app.domain.reconciliation import AT_REST, STRANGE_FOR, Finding, Kind
from app.domain.usage import Amount, Usage
from app.exceptions.errors import InvalidRequest, StorageUnavailable
from app.service import survey
from app.service.presigned_url import Upload
from app.service.reconcile import Outcome, Stage, Wish
from tests.fakes.record_survey import InMemoryRecordSurvey
from tests.fakes.usage_repository import InMemoryUsageRepository
from tests.support.world import ALICE, HELLO, World

LATER = AT_REST + timedelta(seconds=1)
UPLOADED, PENDING, FAILED = FileStatus.UPLOADED, FileStatus.PENDING, FileStatus.FAILED
UNKNOWN = "uploads/nobody's.txt"


class Harbour(World):
    """The world with what compares its store with its records."""

    def __init__(self) -> None:
        super().__init__()
        self.records = InMemoryRecordSurvey(self.repository)
        self.reconcile = build_reconcile(
            removal=self.removal,
            sweep=self.sweep,
            files=self.repository,
            records=self.records,
            usages=InMemoryUsageRepository(self.repository),
            store=self.store,
            listing=self.store,
            clock=self.clock,
        )
        self.outcome = Outcome()

    async def compare(self, **wish: Any) -> list[Finding]:
        found: list[Finding] = []
        self.outcome = await self.reconcile.run(Wish(**wish), on_finding=found.append)
        return found

    async def kinds(self, **wish: Any) -> list[tuple[Kind, bool]]:
        return [(finding.kind, finding.repaired) for finding in await self.compare(**wish)]

    async def arrived(self, status: FileStatus = UPLOADED) -> FileRecord:
        """A record of a file that is in the store, at rest for long enough."""
        record = await self.uploaded()
        await self.move(record, status)
        self.now += LATER
        return self.repository.records[record.id]

    async def begun(self) -> Upload:
        """A multipart upload without a part, at rest for long enough."""
        upload = await self.in_parts()
        self.now += LATER
        return upload

    def before_head(self, action: Callable[[], Awaitable[object] | None]) -> None:
        """Let something happen between the listing of an object and the look at it."""
        honest = self.store.head

        async def late(key: str) -> ObservedObject | None:
            self.store.head = honest  # type: ignore[method-assign]
            if (doing := action()) is not None:
                await doing
            return await honest(key)

        self.store.head = late  # type: ignore[method-assign]


@pytest.fixture
def world() -> Harbour:
    return Harbour()


async def test_nothing_is_wrong_with_files_in_any_state(world: Harbour) -> None:
    await world.uploads.create(ALICE, HELLO)
    for status in (UPLOADED, FileStatus.COMPLETED):
        await world.move(await world.uploaded(), status)
    failed = await world.uploaded()
    await world.move(failed, FAILED)
    await world.removal.discard(failed.id)
    await world.files.delete(ALICE, (await world.arrived()).id)
    upload = await world.in_parts()
    await world.send_parts(upload, (1,))
    assert await world.compare(at_rest=timedelta(0)) == []
    assert world.outcome.seen == {
        Stage.OBJECTS: 2,
        Stage.UPLOADS: 1,
        Stage.RECORDS: 6,
        Stage.OWNERS: 1,
    }
    assert world.outcome.remaining == 0


@pytest.mark.parametrize("status", [UPLOADED, FileStatus.COMPLETED])
async def test_an_object_that_is_missing_is_only_told_of(
    world: Harbour, status: FileStatus
) -> None:
    record = await world.arrived(status)
    await world.arrived()
    del world.store.objects[record.key]
    [finding] = await world.compare(repair=True, remove_unknown=True)
    assert (finding.kind, finding.file_id) == (Kind.OBJECT_MISSING, record.id)
    assert (finding.key, finding.owner) == (record.key, "alice")
    assert world.outcome.remaining == 1
    assert world.repository.records[record.id] == record


@pytest.mark.parametrize(
    ("body", "type", "said"),
    [
        (b"olleh", "text/plain", "replaced"),
        (b"more bytes", "text/plain", "size is 10 bytes"),
    ],
)
async def test_an_object_that_is_another_is_only_told_of(
    world: Harbour, body: bytes, type: str, said: str
) -> None:
    record = await world.arrived()
    world.store.put(record.key, body, type)
    assert await world.compare() == []
    world.now += LATER
    [finding] = await world.compare(repair=True)
    assert finding.kind is Kind.OBJECT_CHANGED
    assert said in finding.detail
    assert world.store.objects[record.key].body == body


async def test_an_upload_that_nobody_reported_is_finished(world: Harbour) -> None:
    record = await world.uploaded()
    assert await world.compare() == []
    world.now += LATER
    assert await world.kinds() == [(Kind.UPLOAD_UNREPORTED, False)]
    assert await world.kinds(repair=True) == [(Kind.UPLOAD_UNREPORTED, True)]
    assert await world.status(record) is UPLOADED
    assert await world.kinds(repair=True) == []


async def test_an_unreported_object_that_is_not_the_declared_one_is_refused(
    world: Harbour,
) -> None:
    record = await world.uploaded()
    world.store.put(record.key, b"other bytes", "text/plain")
    world.now += LATER
    assert await world.kinds(repair=True) == [(Kind.UPLOAD_UNREPORTED, True)]
    assert await world.status(record) is FAILED
    assert world.store.objects == {}


async def test_an_unreported_object_that_has_gone_again_leaves_its_record_pending(
    world: Harbour,
) -> None:
    record = await world.uploaded()
    world.now += LATER
    honest = world.repository.load

    async def load(file_id: UUID) -> FileRecord | None:
        world.store.objects.clear()
        return await honest(file_id)

    world.repository.load = load  # type: ignore[method-assign]
    assert await world.kinds(repair=True) == [(Kind.UPLOAD_UNREPORTED, False)]
    assert await world.status(record) is PENDING


async def test_an_upload_past_its_end_is_ended(world: Harbour) -> None:
    nothing, there = (await world.uploads.create(ALICE, HELLO)).record, await world.uploaded()
    parts = (await world.in_parts()).record
    world.now = parts.ends_at
    assert await world.kinds() == [(Kind.UPLOAD_OVERDUE, False)] * 2
    world.now += AT_REST
    assert await world.kinds(repair=True) == [(Kind.UPLOAD_OVERDUE, True)] * 3
    assert await world.status(nothing) is FAILED
    assert await world.status(there) is UPLOADED
    assert await world.status(parts) is FAILED
    assert world.store.uploads == {}
    world.now += LATER
    assert await world.kinds() == []


async def test_what_is_left_of_a_file_that_failed_goes(world: Harbour) -> None:
    record = await world.arrived()
    await world.move(record, FAILED)
    assert await world.compare(repair=True) == []
    world.now += LATER
    assert await world.kinds() == [(Kind.OBJECT_LEFT_OVER, False)]
    assert await world.kinds(repair=True) == [(Kind.OBJECT_LEFT_OVER, True)]
    assert world.store.objects == {}
    assert await world.kinds(repair=True) == []


async def test_what_came_after_the_deletion_goes(world: Harbour) -> None:
    record = await world.arrived()
    await world.files.delete(ALICE, record.id)
    world.now += LATER
    world.store.put(record.key, b"hello", "text/plain")
    assert await world.compare() == []
    world.now += LATER
    assert await world.kinds(repair=True) == [(Kind.OBJECT_LEFT_OVER, True)]
    assert world.store.objects == {}


async def test_the_parts_of_a_file_that_failed_go(world: Harbour) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2))
    world.now += LATER
    await world.move(upload.record, FAILED)
    assert await world.compare(repair=True) == []
    world.now += LATER
    assert await world.kinds(repair=True) == [(Kind.PARTS_LEFT_OVER, True)]
    assert world.store.uploads == {}


async def test_an_upload_beside_the_one_of_its_record_is_aborted(world: Harbour) -> None:
    """A process ended between beginning it and recording it, and another one began anew."""
    upload = await world.begun()
    own = upload.record.upload_id
    stray = await world.store.create_multipart(UploadSpec.of(upload.record))
    assert await world.compare(repair=True) == []
    world.now += LATER
    [finding] = await world.compare(repair=True)
    assert (finding.kind, finding.upload_id, finding.repaired) == (Kind.PARTS_STRAY, stray, True)
    assert set(world.store.uploads) == {own}


async def test_an_upload_under_a_finished_file_is_aborted_and_its_object_stays(
    world: Harbour,
) -> None:
    record = await world.arrived()
    await world.store.create_multipart(UploadSpec.of(record))
    world.now += LATER
    assert await world.kinds(repair=True) == [(Kind.PARTS_STRAY, True)]
    assert world.store.uploads == {}
    assert record.key in world.store.objects


async def test_an_upload_that_its_record_does_not_name_yet_is_left_alone(world: Harbour) -> None:
    upload = await world.begun()
    world.repository.records[upload.record.id] = dataclasses.replace(upload.record, upload_id=None)
    assert await world.compare(repair=True, remove_unknown=True) == []
    assert len(world.store.uploads) == 1


async def test_what_has_no_record_is_removed_when_asked_and_old(world: Harbour) -> None:
    record = await world.arrived()
    world.store.put(UNKNOWN, b"?", "text/plain")
    spec = UploadSpec(key=UNKNOWN, type="text/plain", size=1)
    await world.store.create_multipart(spec)
    world.now += STRANGE_FOR - timedelta(seconds=1)
    found = [(Kind.OBJECT_UNKNOWN, False), (Kind.PARTS_UNKNOWN, False)]
    assert await world.kinds(repair=True, remove_unknown=True) == found
    world.now += timedelta(seconds=1)
    assert await world.kinds(repair=True) == found
    removed = [(Kind.OBJECT_UNKNOWN, True), (Kind.PARTS_UNKNOWN, True)]
    assert await world.kinds(remove_unknown=True) == removed
    assert list(world.store.objects) == [record.key]
    assert world.store.uploads == {}


async def test_other_folders_of_the_bucket_are_not_looked_at(world: Harbour) -> None:
    await world.arrived()
    world.store.put("uploads-of-others/1", b"?", "text/plain")
    world.now += STRANGE_FOR
    assert await world.compare(remove_unknown=True) == []


async def test_an_empty_database_is_taken_for_the_wrong_one(world: Harbour) -> None:
    world.store.put(UNKNOWN, b"?", "text/plain")
    world.now += STRANGE_FOR
    with pytest.raises(InvalidRequest, match="DATABASE_URL"):
        await world.compare(remove_unknown=True)
    assert UNKNOWN in world.store.objects


async def test_a_deletion_that_stopped_half_way_is_finished(world: Harbour) -> None:
    record = await world.arrived()
    await world.repository.append(record, delete_requested("alice", world.now))
    del world.store.objects[record.key]
    assert await world.compare(repair=True) == []
    world.now += LATER
    assert await world.kinds() == [(Kind.DELETION_UNFINISHED, False)]
    assert await world.kinds(repair=True) == [(Kind.DELETION_UNFINISHED, True)]
    assert world.repository.records[record.id].deleted_at == world.now


async def test_owners_whose_sums_are_wrong_are_told_of(world: Harbour) -> None:
    await world.arrived()
    world.records.miscounted["alice"] = Usage(used=Amount(1, 5), reserved=Amount(-1, -5))
    [finding] = await world.compare()
    assert (finding.kind, finding.owner) == (Kind.USAGE_MISCOUNTED, "alice")
    assert "+1 files and +5 bytes used, -1 files and -5 bytes reserved" in finding.detail


async def test_everything_is_looked_at_however_many_pages_it_takes(
    world: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "PAGE", 2)
    monkeypatch.setattr(survey, "OWNERS", 1)
    world.store.page_size = 2
    records = [await world.arrived() for _ in range(5)]
    for record in records[::2]:
        del world.store.objects[record.key]
    for owner in ("bob", "carol"):
        await world.uploads.create(Principal(owner, ALICE.scopes), HELLO)
    world.records.miscounted["carol"] = Usage(used=Amount(1, 5))
    seen: list[tuple[Stage, int]] = []
    found: list[Finding] = []
    outcome = await world.reconcile.run(
        Wish(), on_finding=found.append, on_seen=lambda stage, count: seen.append((stage, count))
    )
    assert [finding.file_id for finding in found[:-1]] == [record.id for record in records[::2]]
    assert found[-1].owner == "carol"
    assert sum(count for stage, count in seen if stage is Stage.RECORDS) == 7
    assert (Stage.OBJECTS, 2) in seen
    assert outcome.remaining == 4


async def test_every_page_of_overdue_uploads_is_ended(
    world: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "PAGE", 2)
    records = [(await world.uploads.create(ALICE, HELLO)).record for _ in range(5)]
    world.now = records[-1].ends_at + LATER
    assert await world.kinds(repair=True) == [(Kind.UPLOAD_OVERDUE, True)] * 5
    assert await world.kinds() == []


async def test_objects_that_are_there_are_not_asked_for_one_by_one(world: Harbour) -> None:
    for _ in range(5):
        await world.arrived()
    asked = world.store.calls["head"]
    assert await world.compare() == []
    assert world.store.calls["head"] == asked


class TestMeanwhile:
    """What happens while a comparison runs is neither reported nor repaired wrongly."""

    async def test_a_file_is_deleted(self, world: Harbour) -> None:
        record = await world.uploaded()
        world.now += LATER
        world.before_head(lambda: world.files.delete(ALICE, record.id))
        assert await world.compare(repair=True) == []

    async def test_an_upload_is_reported(self, world: Harbour) -> None:
        record = await world.uploaded()
        world.now += LATER
        world.before_head(lambda: world.move(record, UPLOADED))
        assert await world.compare(repair=True) == []
        assert await world.status(record) is UPLOADED

    async def test_a_record_is_committed_after_its_object_was_listed(self, world: Harbour) -> None:
        """As after a restore of the database that is still under way."""
        record = await world.arrived()
        del world.repository.records[record.id]
        await world.arrived()
        world.now += STRANGE_FOR

        def restore() -> None:
            world.repository.records[record.id] = record

        world.before_head(restore)
        assert await world.compare(remove_unknown=True) == []
        assert record.key in world.store.objects

    async def test_a_record_is_committed_before_its_object_is_removed(self, world: Harbour) -> None:
        record = await world.arrived()
        del world.repository.records[record.id]
        await world.arrived()
        world.now += STRANGE_FOR
        honest, asked = world.records.by_keys, 0

        async def by_keys(keys: list[str]) -> Any:
            nonlocal asked
            asked += 1
            if asked == 3:  # after the page and the second look
                world.repository.records[record.id] = record
            return await honest(keys)

        world.records.by_keys = by_keys  # type: ignore[method-assign]
        assert await world.kinds(remove_unknown=True) == [(Kind.OBJECT_UNKNOWN, False)]
        assert asked == 3
        assert record.key in world.store.objects

    async def test_a_file_whose_object_is_missing_is_deleted(self, world: Harbour) -> None:
        record = await world.arrived()
        del world.store.objects[record.key]
        world.before_head(lambda: world.files.delete(ALICE, record.id))
        assert await world.compare(at_rest=timedelta(0)) == []

    async def test_files_come_and_go_between_listing_and_records(self, world: Harbour) -> None:
        gone, stays = await world.arrived(), await world.arrived()
        honest = world.records.entries

        async def entries(**asked: Any) -> Any:
            world.records.entries = honest  # type: ignore[method-assign]
            await world.files.delete(ALICE, gone.id)
            await world.arrived()
            return await honest(**asked)

        world.records.entries = entries  # type: ignore[method-assign]
        assert await world.compare(repair=True) == []
        assert stays.key in world.store.objects

    async def test_an_overdue_upload_arrives(self, world: Harbour) -> None:
        record = (await world.uploads.create(ALICE, HELLO)).record
        world.now = record.ends_at + LATER
        honest = world.repository.load

        async def load(file_id: UUID) -> FileRecord | None:
            world.repository.load = honest  # type: ignore[method-assign]
            world.store.put(record.key, b"hello", "text/plain")
            await world.move(record, UPLOADED)
            return await honest(file_id)

        world.repository.load = load  # type: ignore[method-assign]
        assert await world.kinds(repair=True) == [(Kind.UPLOAD_OVERDUE, True)]
        assert await world.status(record) is UPLOADED
        assert len(world.repository.trail[record.id]) == 2
        assert record.key in world.store.objects

    async def test_an_overdue_upload_is_put_off(self, world: Harbour) -> None:
        record = (await world.uploads.create(ALICE, HELLO)).record
        world.now = record.ends_at + LATER
        honest = world.repository.load

        async def load(file_id: UUID) -> FileRecord | None:
            world.repository.load = honest  # type: ignore[method-assign]
            world.repository.records[file_id] = dataclasses.replace(
                record, ends_at=world.now + LATER
            )
            return await honest(file_id)

        world.repository.load = load  # type: ignore[method-assign]
        await world.compare(repair=True)
        assert await world.status(record) is PENDING

    async def test_a_stray_upload_is_finished(self, world: Harbour) -> None:
        upload = await world.begun()
        other = await world.store.create_multipart(UploadSpec.of(upload.record))
        world.now += LATER
        honest = world.store.multipart_uploads

        async def multipart_uploads(key: str) -> list[str]:
            world.store.uploads.pop(other, None)
            return await honest(key)

        world.store.multipart_uploads = multipart_uploads  # type: ignore[method-assign]
        assert await world.compare(repair=True) == []


async def test_what_the_store_does_not_let_be_repaired_remains(world: Harbour) -> None:
    record = await world.arrived()
    await world.move(record, FAILED)
    there = await world.uploaded()
    world.now += LATER
    honest = world.store.delete

    async def broken(key: str) -> None:
        raise StorageUnavailable("The object store does not answer.")

    world.store.delete = broken  # type: ignore[method-assign]
    found = await world.kinds(repair=True)
    assert sorted(found) == [(Kind.OBJECT_LEFT_OVER, False), (Kind.UPLOAD_UNREPORTED, True)]
    assert await world.status(there) is UPLOADED
    world.store.delete = honest  # type: ignore[method-assign]
    assert await world.kinds(repair=True) == [(Kind.OBJECT_LEFT_OVER, True)]


async def test_a_store_that_is_down_ends_the_run(world: Harbour) -> None:
    await world.arrived()
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.compare(repair=True)
