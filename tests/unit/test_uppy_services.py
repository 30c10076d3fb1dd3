"""Uppy's uploads: what only a controllable store, repository and clock can bring about."""

import dataclasses
from datetime import timedelta

import pytest

from app.domain.event import WORKER
from app.domain.file import FileRecord, FileStatus
from app.domain.job import JobName
from app.domain.parts import MIN_PART_SIZE
from app.domain.upload_grant import UploadGrant
from app.domain.uppy import UppyFile
from app.exceptions.errors import (
    DatabaseUnavailable,
    FileTooLarge,
    InvalidRequest,
    StorageUnavailable,
    UploadExpired,
)
from app.service.uppy import Named
from tests.fakes.object_store import CAPABILITIES
from tests.support.world import ALICE, World

GRANT = UploadGrant(principal=ALICE)
TEXT = UppyFile(filename="a.txt", type="text/plain")


@pytest.fixture
def world() -> World:
    return World()


async def single(world: World, file: UppyFile = TEXT) -> FileRecord:
    return (await world.uppy.single(GRANT, file)).record


async def begun(world: World, *sizes: int, file: UppyFile = TEXT) -> tuple[FileRecord, Named]:
    """A multipart upload with parts of these sizes in the store."""
    record = await world.uppy.begin(GRANT, file)
    named = Named(record.id, record.key)
    numbers = range(1, len(sizes) + 1)
    issued = await world.uppy.sign(GRANT, named, numbers)
    for url, size in zip(issued.signed.urls, sizes, strict=True):
        await world.store.send_part(url, bytes(size))
    return record, named


async def claimed(world: World, named: Named) -> dict[int, str]:
    return {part.number: part.etag for part in await world.uppy.parts(GRANT, named)}


async def test_a_file_that_is_not_there_is_looked_for_again(world: World) -> None:
    record = await single(world)
    world.now += timedelta(seconds=2)
    await world.arrivals.look(record.id)
    assert await world.status(record) is FileStatus.PENDING
    world.store.put(record.key, b"hello", "text/plain")
    world.now += timedelta(seconds=2)
    await world.arrivals.look(record.id)

    jobs = [(job.name, job.at and job.at - record.created_at) for job in world.repository.jobs]
    assert jobs == [(JobName.LOOK, timedelta(seconds=2)), (JobName.LOOK, timedelta(seconds=4))]
    arrived = world.repository.records[record.id]
    assert (arrived.status, arrived.file_size) == (FileStatus.UPLOADED, 5)
    assert world.repository.trail[record.id][-1].actor == WORKER


async def test_a_look_that_comes_too_late_does_nothing(world: World) -> None:
    record = await single(world)
    world.store.put(record.key, b"hello", "text/plain")
    await world.arrivals.look(record.id)
    before = dict(world.repository.records)
    await world.arrivals.look(record.id)
    assert world.repository.records == before
    await world.arrivals.look(type(record.id)(int=0))
    assert len(world.repository.jobs) == 1


async def test_a_look_at_a_wrong_object_fails_the_file(world: World) -> None:
    record = await single(world, dataclasses.replace(TEXT, size=4))
    world.store.put(record.key, b"hello", "text/plain")
    await world.arrivals.look(record.id)
    assert await world.status(record) is FileStatus.FAILED
    assert record.key not in world.store.objects


async def test_a_look_is_repeated_by_the_queue_while_the_store_is_down(world: World) -> None:
    record = await single(world)
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.arrivals.look(record.id)
    assert len(world.repository.jobs) == 1


async def test_a_file_of_which_the_queue_was_not_told_is_found_by_the_sweep(world: World) -> None:
    honest = world.repository.defer

    async def unavailable(jobs: object) -> None:
        raise DatabaseUnavailable("It is down.")

    world.repository.defer = unavailable  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailable):
        await single(world)
    world.repository.defer = honest  # type: ignore[method-assign]
    [record] = world.repository.records.values()
    world.store.put(record.key, b"hello", "text/plain")
    world.now = record.ends_at
    await world.sweep.run()
    assert await world.status(record) is FileStatus.UPLOADED


async def test_a_store_without_forms_gets_a_put_of_the_declared_size(world: World) -> None:
    world.store.capabilities = dataclasses.replace(CAPABILITIES, post_form=False)
    with pytest.raises(InvalidRequest, match="shouldUseMultipart"):
        await single(world)
    upload = await world.uppy.single(GRANT, dataclasses.replace(TEXT, size=5))
    assert upload.signed is not None
    assert upload.signed.method == "PUT"
    assert (await world.store.send(upload.signed, b"hello!")).status_code == 403
    assert (await world.store.send(upload.signed, b"hello")).status_code == 200


async def test_what_may_be_all_parts_is_left_to_the_client(world: World) -> None:
    record, _ = await begun(world, MIN_PART_SIZE, 5)
    world.now = world.repository.records[record.id].ends_at
    await world.sweep.run()
    assert await world.status(record) is FileStatus.FAILED


async def test_what_must_be_all_parts_is_finished_by_the_sweep(world: World) -> None:
    size = MIN_PART_SIZE + 5
    record, _ = await begun(world, MIN_PART_SIZE, 5, file=dataclasses.replace(TEXT, size=size))
    world.now = world.repository.records[record.id].ends_at
    await world.sweep.run()
    assert await world.status(record) is FileStatus.UPLOADED


async def test_a_complete_whose_answer_the_store_lost_goes_on(world: World) -> None:
    record, named = await begun(world, MIN_PART_SIZE, 5)
    parts = await claimed(world, named)
    world.store.lost_answers.add("complete_multipart")
    with pytest.raises(StorageUnavailable):
        await world.uppy.complete(GRANT, named, parts)
    finished = await world.uppy.parts(GRANT, named)
    assert {part.number for part in finished} >= {1, 2}, "so that the client completes again"
    assert sum(part.size for part in finished) == MIN_PART_SIZE + 5
    done, location = await world.uppy.complete(GRANT, named, parts)
    assert (done.id, done.status, done.file_size) == (
        record.id,
        FileStatus.UPLOADED,
        MIN_PART_SIZE + 5,
    )
    assert "?" not in location


async def test_an_empty_file_in_parts_is_seen_to_have_finished(world: World) -> None:
    record, named = await begun(world, 0)
    parts = await claimed(world, named)
    await world.uppy.complete(GRANT, named, parts)
    again = {part.number: part.etag for part in await world.uppy.parts(GRANT, named)}
    assert again.keys() == {1}
    assert (await world.uppy.complete(GRANT, named, again))[0].id == record.id


async def test_parts_beyond_the_limit_are_not_put_together(world: World) -> None:
    narrow = UploadGrant(principal=ALICE, policy="default", max_size=MIN_PART_SIZE)
    record = await world.uppy.begin(narrow, TEXT)
    named = Named(record.id, record.key)
    issued = await world.uppy.sign(narrow, named, [1, 2])
    for url in issued.signed.urls:
        await world.store.send_part(url, bytes(MIN_PART_SIZE))
    with pytest.raises(FileTooLarge, match=str(MIN_PART_SIZE)):
        await world.uppy.complete(narrow, named, await claimed(world, named))
    assert await world.status(record) is FileStatus.PENDING
    assert record.key not in world.store.objects


async def test_part_urls_end_together_until_half_of_their_life_is_over(world: World) -> None:
    record, named = await begun(world)
    ends = record.expires_at
    world.now += timedelta(seconds=450)
    assert (await world.uppy.sign(GRANT, named, [1])).signed.expires_at == ends
    world.now += timedelta(seconds=1)
    fresh = await world.uppy.sign(GRANT, named, [1])
    assert fresh.signed.expires_at > ends
    assert world.repository.records[record.id].expires_at == fresh.signed.expires_at
    world.now = world.repository.records[record.id].ends_at
    with pytest.raises(UploadExpired):
        await world.uppy.sign(GRANT, named, [1])
