"""What the store's own word does to a file, however often and whenever it comes."""

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.domain.file import FileRecord, FileStatus
from app.domain.object_key import made_at
from app.exceptions.errors import EventsPostponed, InvalidRequest
from app.service.storage_events import COMMIT_GRACE, MAX_ENVELOPES
from tests.support.events import s3_body, s3_record, sns_envelope
from tests.support.world import ALICE, HELLO, World

GONE = FileStatus.FAILED


@pytest.fixture
def world() -> World:
    return World()


async def tell(world: World, *records: FileRecord, **options: str) -> Mapping[str, int]:
    return await world.events.receive(s3_body(*(record.key for record in records), **options))


def trail(world: World, record: FileRecord) -> list[tuple[str, str | None]]:
    return [(event.actor, event.to_status) for event in world.repository.trail[record.id][1:]]


async def test_a_file_is_uploaded_without_any_client(world: World) -> None:
    record = await world.uploaded()
    assert await tell(world, record) == {"verified": 1}
    assert await world.status(record) is FileStatus.UPLOADED
    assert trail(world, record) == [("storage-event", "uploaded")]
    assert ("verified", "1") in world.counts


async def test_under_auto_complete_it_is_completed(world: World) -> None:
    record = await world.uploaded(policy="auto")
    assert await tell(world, record) == {"verified": 1}
    assert trail(world, record) == [("storage-event", "uploaded"), ("storage-event", "completed")]


async def test_other_bytes_are_refused_and_removed(world: World) -> None:
    record = (await world.uploads.create(ALICE, HELLO)).record
    world.store.put(record.key, b"other bytes", "text/plain")
    assert await tell(world, record) == {"refused": 1}
    assert await world.status(record) is GONE
    assert world.store.objects == {}


async def test_again_it_does_nothing(world: World) -> None:
    record = await world.uploaded()
    assert await tell(world, record, record) == {"verified": 1}
    heads = world.store.calls["head"]
    assert await tell(world, record) == {"settled": 1}
    assert world.store.calls["head"] == heads == 1
    assert len(trail(world, record)) == 1


@pytest.mark.parametrize("status", [FileStatus.UPLOADED, FileStatus.PROCESSING])
async def test_late_it_moves_nothing_back(world: World, status: FileStatus) -> None:
    record = await world.uploaded()
    for target in (FileStatus.UPLOADED, FileStatus.PROCESSING):
        await world.move(record, target)
        if target is status:
            break
    assert await tell(world, record) == {"settled": 1}
    assert await world.status(record) is status


async def test_the_end_of_a_multipart_upload_counts_likewise(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    assert await tell(world, upload.record) == {"missing": 1}, "not put together yet"
    assert await world.status(upload.record) is FileStatus.PENDING
    await world.multipart.complete(ALICE, upload.record.id)
    world.repository.records[upload.record.id] = dataclasses.replace(
        world.repository.records[upload.record.id], status=FileStatus.PENDING
    )
    name = "ObjectCreated:CompleteMultipartUpload"
    assert await tell(world, upload.record, name=name) == {"verified": 1}


async def test_what_lands_after_the_end_is_removed(world: World) -> None:
    failed = await world.uploaded()
    await world.move(failed, GONE)
    deleted = await world.uploaded()
    await world.files.delete(ALICE, deleted.id)
    for record in (failed, deleted):
        world.store.put(record.key, b"hello", "text/plain")
    assert await tell(world, failed, deleted) == {"discarded": 2}
    assert world.store.objects == {}


async def test_an_object_that_is_gone_again_leaves_the_file_as_it_is(world: World) -> None:
    record = (await world.uploads.create(ALICE, HELLO)).record
    assert await tell(world, record) == {"missing": 1}
    assert await world.status(record) is FileStatus.PENDING


async def test_a_removal_is_none_of_our_business(world: World) -> None:
    record = await world.uploaded()
    assert await tell(world, record, name="ObjectRemoved:Delete") == {"ignored": 1}
    assert await world.status(record) is FileStatus.PENDING


async def test_foreign_objects_are_counted_and_left_alone(world: World) -> None:
    record = await world.uploaded()
    world.now += COMMIT_GRACE
    for key in (
        *("", "x", "\x00", "uploads/report.pdf", "uploads/\ud800", "k" * 5000),
        f"elsewhere/{record.id}.txt",
        record.key.replace(str(record.id), "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"),
    ):
        body = s3_body("any")
        body["Records"][0]["s3"]["object"]["key"] = key
        assert await world.events.receive(body) == {"foreign": 1}, key
    assert await tell(world, record, bucket="another") == {"foreign": 1}
    assert world.store.calls["head"] == 0


async def test_before_the_record_is_committed_it_is_to_come_again(world: World) -> None:
    record = await world.uploaded()
    world.repository.records.pop(record.id)
    world.now = made_at(record.id) + COMMIT_GRACE - timedelta(seconds=1)
    with pytest.raises(EventsPostponed):
        await tell(world, record)
    world.repository.records[record.id] = record
    assert await tell(world, record) == {"verified": 1}


async def test_a_record_that_never_came_is_not_waited_for(world: World) -> None:
    record = await world.uploaded()
    world.repository.records.pop(record.id)
    world.now = made_at(record.id) + COMMIT_GRACE
    assert await tell(world, record) == {"foreign": 1}


async def test_nor_is_one_below_somebody_elses_prefix(world: World) -> None:
    record = await world.uploaded()
    world.now = made_at(record.id)
    world.repository.records.pop(record.id)
    assert await world.events.receive(s3_body(f"of-others/{record.id}.txt")) == {"foreign": 1}


async def test_a_store_that_is_down_costs_nothing_but_time(world: World) -> None:
    record = await world.uploaded()
    world.store.down = True
    with pytest.raises(EventsPostponed) as caught:
        await tell(world, record)
    assert caught.value.extra == {"postponed": 1}
    world.store.down = False
    assert await tell(world, record) == {"verified": 1}


async def test_a_database_that_is_down_costs_nothing_but_time(world: World) -> None:
    record = await world.uploaded()
    world.repository.down = True
    with pytest.raises(EventsPostponed):
        await tell(world, record)
    world.repository.down = False
    assert await tell(world, record) == {"verified": 1}


async def test_one_that_breaks_loses_none_of_the_others(world: World) -> None:
    good, bad = await world.uploaded(), await world.uploaded()
    honest = world.repository.load

    async def broken(file_id: Any) -> FileRecord | None:
        if file_id == bad.id:
            raise ZeroDivisionError
        return await honest(file_id)

    world.repository.load = broken  # type: ignore[method-assign]
    with pytest.raises(EventsPostponed):
        await tell(world, bad, good)
    assert await world.status(good) is FileStatus.UPLOADED


async def test_what_cannot_be_read_is_named_after_the_others_are_done(world: World) -> None:
    record = await world.uploaded()
    with pytest.raises(InvalidRequest) as caught:
        await world.events.receive({"Records": [{}, s3_record(record.key)]})
    assert caught.value.extra["errors"][0]["field"] == "Records.0"
    assert await world.status(record) is FileStatus.UPLOADED


async def test_a_client_that_is_faster_wins_and_nothing_happens_twice(world: World) -> None:
    record = await world.uploaded()
    world.before_next_move(lambda: world.move(record, FileStatus.UPLOADED))
    assert await tell(world, record) == {"settled": 1}
    assert trail(world, record) == [("user:alice", "uploaded")]


async def test_an_event_that_is_faster_than_the_client(world: World) -> None:
    record = await world.uploaded()
    world.before_next_move(lambda: tell(world, record))
    assert (await world.move(record, FileStatus.UPLOADED)).status is FileStatus.UPLOADED
    assert trail(world, record) == [("storage-event", "uploaded")]


async def test_a_pending_file_past_its_end_is_not_lost(world: World) -> None:
    record = await world.uploaded()
    world.now = record.ends_at + timedelta(minutes=1)
    assert await tell(world, record) == {"verified": 1}
    assert await world.sweep.run() == {}


async def test_envelopes_are_opened(world: World) -> None:
    record = await world.uploaded()
    body = s3_body(record.key)
    for _ in range(MAX_ENVELOPES):
        body = sns_envelope(body)
    assert await world.events.receive(body) == {"verified": 1}
    with pytest.raises(InvalidRequest):
        await world.events.receive(sns_envelope(body))


async def test_an_envelope_around_nothing(world: World) -> None:
    for text in ("hello", "", "{}", "[" * 100_000):
        with pytest.raises(InvalidRequest):
            await world.events.receive(sns_envelope(None, Message=text))
