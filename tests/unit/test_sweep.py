"""What the worker does about uploads that nobody ended, and about bytes that nobody wants."""

from datetime import timedelta

import pytest

from app.domain.file import FileRecord, FileStatus
from app.domain.ports import ObservedObject
from app.domain.removal import CLOCK_SKEW, LONGEST_TRANSFER
from app.exceptions.errors import NotFound, StorageUnavailable, UploadExpired
from app.service.presigned_url import Upload
from tests.support.world import ALICE, HELLO, World

WEEK = timedelta(days=7)
SWEPT = {FileStatus.UPLOADED: "uploaded", FileStatus.FAILED: "expired"}


@pytest.fixture
def world() -> World:
    return World()


async def put(world: World) -> Upload:
    return await world.uploads.create(ALICE, HELLO)


async def trail(world: World, record: FileRecord) -> list[tuple[str, str | None]]:
    return [(event.actor, event.to_status) for event in world.repository.trail[record.id]]


async def test_nothing_is_touched_before_its_end(world: World) -> None:
    upload = await put(world)
    world.now = upload.record.ends_at - timedelta(seconds=1)
    assert await world.sweep.run() == {}
    assert await world.status(upload.record) is FileStatus.PENDING


async def test_an_upload_of_which_nothing_came_expires(world: World) -> None:
    upload = await put(world)
    world.now = upload.record.ends_at
    assert await world.sweep.run() == {"expired": 1}
    record = world.repository.records[upload.record.id]
    assert (record.status, record.status_reason) == (FileStatus.FAILED, "expired")
    assert (await trail(world, record))[-1] == ("sweep", "failed")


async def test_bytes_that_nobody_reported_are_found(world: World) -> None:
    """The browser died after its PUT."""
    record = await world.uploaded()
    auto = await world.uploaded(policy="auto")
    world.now = record.ends_at
    assert await world.sweep.run() == {"uploaded": 2}
    assert await world.status(record) is FileStatus.UPLOADED
    assert await world.status(auto) is FileStatus.COMPLETED


async def test_other_bytes_than_the_declared_are_refused(world: World) -> None:
    upload = await put(world)
    world.store.put(upload.record.key, b"other bytes", "text/plain")
    world.now = upload.record.ends_at
    assert await world.sweep.run() == {"refused": 1}
    assert world.store.objects == {}


async def test_an_upload_whose_client_vanished_before_complete_is_finished(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    world.now += WEEK
    assert await world.sweep.run() == {"uploaded": 1}
    assert upload.record.key in world.store.objects


async def test_one_that_lacks_a_part_expires_and_leaves_nothing(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 3))
    world.now += WEEK
    assert await world.sweep.run() == {"expired": 1}
    [job] = world.repository.jobs
    await world.removal.discard(job.file_id)
    assert world.store.uploads == {}


async def test_one_that_never_began_expires(world: World) -> None:
    world.store.lost_answers.add("create_multipart")
    with pytest.raises(StorageUnavailable):
        await world.in_parts()
    world.now += timedelta(hours=1)
    assert await world.sweep.run() == {"expired": 1}
    [job] = world.repository.jobs
    await world.removal.discard(job.file_id)
    assert world.store.uploads == {}, "though the record does not know its id"


async def test_one_that_was_renewed_in_the_meantime_lives(world: World) -> None:
    upload = await world.in_parts()
    world.now = upload.record.ends_at
    renewed = upload.record.ends_at + WEEK

    async def renew() -> None:
        await world.repository.extend(
            upload.record,
            expires_at=upload.record.expires_at,
            ends_at=renewed,
            event=world.repository.trail[upload.record.id][0],
        )

    world.before_next_move(renew)
    assert await world.sweep.run() == {"moved on": 1}
    assert await world.status(upload.record) is FileStatus.PENDING


async def test_what_the_store_does_not_answer_for_waits(world: World) -> None:
    upload = await put(world)
    world.now = upload.record.ends_at
    world.store.down = True
    assert await world.sweep.run() == {"postponed": 1}
    assert await world.status(upload.record) is FileStatus.PENDING
    world.store.down = False
    assert await world.sweep.run() == {"expired": 1}


async def test_a_store_that_is_down_is_not_asked_for_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.sweep.BATCH", 2)
    world.now = max([(await put(world)).record.ends_at for _ in range(5)])
    world.store.down = True
    assert await world.sweep.run() == {"postponed": 2}


async def test_files_that_the_store_refuses_keep_no_other_from_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.sweep.BATCH", 2)
    refused = [(await put(world)).record.key for _ in range(5)]
    arrived = await world.uploaded()
    head = world.store.head

    async def denied(key: str) -> ObservedObject | None:
        if key in refused:
            raise StorageUnavailable("The object store denies access.", retry_after=5)
        return await head(key)

    monkeypatch.setattr(world.store, "head", denied)
    world.now = arrived.ends_at
    assert await world.sweep.run() == {"postponed": 5, "uploaded": 1}


async def test_a_file_that_meets_a_defect_keeps_no_other_from_its_end(world: World) -> None:
    poison, other = await put(world), await put(world)
    world.now = other.record.ends_at
    honest = world.store.head

    async def head(key: str) -> ObservedObject | None:
        if key == poison.record.key:
            raise KeyError("ContentLength")
        return await honest(key)

    world.store.head = head  # type: ignore[method-assign]
    assert await world.sweep.run() == {"broken": 1, "expired": 1}
    assert await world.status(poison.record) is FileStatus.PENDING
    assert await world.status(other.record) is FileStatus.FAILED


async def test_bytes_that_land_after_the_end_are_removed(world: World) -> None:
    """A PUT that began while its URL was good may end much later."""
    upload = await put(world)
    world.now = upload.record.ends_at
    await world.sweep.run()
    world.store.put(upload.record.key, b"hello", "text/plain")
    world.now += CLOCK_SKEW
    assert await world.sweep.run() == {"cleared": 1}
    assert world.store.objects == {}
    world.store.put(upload.record.key, b"hello", "text/plain")
    world.now = upload.record.expires_at + LONGEST_TRANSFER
    assert await world.sweep.run() == {"cleared": 1}
    assert world.store.objects == {}
    assert await world.sweep.run() == {}, "nothing can come any more"


async def test_bytes_that_land_after_a_deletion_are_removed(world: World) -> None:
    upload = await put(world)
    await world.files.delete(ALICE, upload.record.id)
    world.store.put(upload.record.key, b"hello", "text/plain")
    world.now = upload.record.expires_at + CLOCK_SKEW
    assert await world.sweep.run() == {"cleared": 1}
    assert world.store.objects == {}


async def test_a_completed_file_is_never_touched(world: World) -> None:
    record = await world.uploaded()
    await world.move(record, FileStatus.COMPLETED)
    world.now += 100 * WEEK
    assert await world.sweep.run() == {}
    await world.removal.discard(record.id)
    assert record.key in world.store.objects


async def test_a_deletion_that_the_store_interrupted_is_finished(world: World) -> None:
    record = await world.uploaded()
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.files.delete(ALICE, record.id)
    world.store.down = False
    [job] = world.repository.jobs
    assert job.at is not None
    assert job.at > world.now, "the request itself has the first try"
    await world.removal.finish_deletion(record.id)
    await world.removal.finish_deletion(record.id)
    assert world.store.objects == {}
    assert (await trail(world, record))[-1] == ("worker", None)
    with pytest.raises(NotFound):
        await world.files.delete(ALICE, record.id)


async def test_jobs_about_files_that_are_gone_do_nothing(world: World) -> None:
    record = await world.uploaded()
    world.repository.records.clear()
    await world.removal.discard(record.id)
    await world.removal.finish_deletion(record.id)
    assert record.key in world.store.objects


async def test_idempotency_keys_are_forgotten_after_their_day(world: World) -> None:
    await world.uploads.create(ALICE, HELLO, "key")
    world.now += timedelta(hours=24, seconds=1)
    assert (await world.sweep.run())["forgotten"] == 1
    again = await world.uploads.create(ALICE, HELLO, "key")
    assert again.created


async def test_a_client_that_comes_back_too_late_is_told(world: World) -> None:
    upload = await world.in_parts()
    world.now += WEEK
    await world.sweep.run()
    with pytest.raises(UploadExpired):
        await world.part_urls.sign_parts(ALICE, upload.record.id, [1])
