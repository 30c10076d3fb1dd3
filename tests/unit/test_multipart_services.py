"""Uploads in parts: what only a controllable store, repository and clock can bring about."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.failure import FailureReason, reason_of
from app.domain.file import FileRecord, FileStatus
from app.domain.job import Job, JobName
from app.domain.ports import Assembly, UploadSpec
from app.domain.upload_request import RequestedMethod
from app.exceptions.errors import (
    IllegalTransition,
    InvalidRequest,
    PartsIncomplete,
    StorageUnavailable,
    UploadExpired,
    VerificationFailed,
)
from app.service.concurrency import AT_ONCE
from app.service.presigned_url import BEGIN_WITHIN, Upload
from tests.support.world import ALICE, HELLO, PART, World

DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    return World()


async def complete(world: World, upload: Upload) -> FileRecord:
    return await world.multipart.complete(ALICE, upload.record.id)


async def test_the_record_is_there_before_the_store_is_asked(world: World) -> None:
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.in_parts()
    [record] = world.repository.records.values()
    assert record.upload_id is None
    assert record.ends_at - world.now < timedelta(hours=1), "what never began is soon forgotten"


async def test_a_creation_that_the_store_interrupted_goes_on_by_its_key(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.uploads.create(ALICE, wish, "key")
    world.store.down = False
    upload = await world.uploads.create(ALICE, wish, "key")
    assert upload.parts is not None
    assert len(upload.parts.signed.urls) == 1
    assert list(world.store.uploads) == [upload.record.upload_id]


async def test_what_the_store_never_began_reserves_nothing_for_long(world: World) -> None:
    """However long its URLs were to live: the client has no id by which to give it up."""
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.uploads.create(ALICE, wish)
    [record] = world.repository.records.values()
    assert record.ends_at == world.now + BEGIN_WITHIN


async def test_an_upload_that_was_begun_but_not_recorded_is_taken_up(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.store.lost_answers.add("create_multipart")
    with pytest.raises(StorageUnavailable):
        await world.uploads.create(ALICE, wish, "key")
    [begun] = world.store.uploads
    upload = await world.uploads.create(ALICE, wish, "key")
    assert upload.record.upload_id == begun
    assert list(world.store.uploads) == [begun], "and no second one"


async def test_a_batch_settles_every_upload_before_it_fails(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.uploads.create_many(ALICE, [wish, HELLO, wish])
    assert world.store.calls["create_multipart"] == 2
    assert len(world.repository.records) == 3


@pytest.mark.parametrize(("files", "first"), [(1, 100), (2, 50), (150, 1)])
async def test_the_files_of_a_batch_share_the_first_urls(
    world: World, files: int, first: int
) -> None:
    """A hundred for each of a thousand files were an answer of 50 MB."""
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART, file_size=200 * PART)
    for _again in range(2):
        batch = await world.uploads.create_many(ALICE, [wish] * files, "key")
        signed = [upload.parts and upload.parts.numbers for upload in batch]
        assert signed == [range(1, first + 1)] * files


async def test_a_batch_begins_a_bounded_number_of_uploads_at_once(world: World) -> None:
    """More would wait for a thread of the pool while their own time runs out."""
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    honest, running, most = world.store.create_multipart, 0, 0

    async def create(spec: UploadSpec) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return await honest(spec)

    world.store.create_multipart = create  # type: ignore[method-assign]
    await world.uploads.create_many(ALICE, [wish] * 100)
    assert most == AT_ONCE


async def test_a_batch_that_fails_reserves_nothing_for_long(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.store.lost_answers.add("create_multipart")
    with pytest.raises(StorageUnavailable):
        await world.uploads.create_many(ALICE, [wish, wish])
    world.now += timedelta(minutes=6)
    assert await world.sweep.run() == {"expired": 2}


async def test_a_batch_that_failed_can_be_repeated_by_its_key(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.store.lost_answers.add("create_multipart")
    with pytest.raises(StorageUnavailable):
        await world.uploads.create_many(ALICE, [wish, wish], "key")
    again = await world.uploads.create_many(ALICE, [wish, wish], "key")
    world.now += timedelta(days=6)
    assert await world.sweep.run() == {"forgotten": 1}
    for upload in again:
        await world.part_urls.sign_parts(ALICE, upload.record.id, [1])


async def test_asking_for_urls_puts_off_the_end(world: World) -> None:
    upload = await world.in_parts()
    world.now += 6 * DAY
    await world.part_urls.sign_parts(ALICE, upload.record.id, [2])
    world.now += 6 * DAY
    issued = await world.part_urls.sign_parts(ALICE, upload.record.id, [3, 1])
    assert issued.numbers == [3, 1]
    world.now += 7 * DAY
    with pytest.raises(UploadExpired):
        await world.part_urls.sign_parts(ALICE, upload.record.id, [1])


async def test_signs_of_life_do_not_help_for_ever(world: World) -> None:
    """The bucket's lifecycle rule would abort it behind our back."""
    upload = await world.in_parts()
    for _ in range(4):
        world.now += 6 * DAY
        await world.part_urls.sign_parts(ALICE, upload.record.id, [1])
    world.now += 4 * DAY
    with pytest.raises(UploadExpired):
        await world.part_urls.sign_parts(ALICE, upload.record.id, [1])


async def test_completing_twice_is_once(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    first = await complete(world, upload)
    assert await complete(world, upload) == first
    assert first.status is FileStatus.UPLOADED
    assert world.store.calls["complete_multipart"] == 1


async def test_under_auto_complete_it_is_completed(world: World) -> None:
    upload = await world.in_parts(policy="auto")
    await world.send_parts(upload, (1, 2, 3))
    assert (await complete(world, upload)).status is FileStatus.COMPLETED


async def test_a_lost_answer_to_complete_is_found_by_repeating_it(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    world.store.lost_answers.add("complete_multipart")
    with pytest.raises(StorageUnavailable):
        await complete(world, upload)
    assert (await complete(world, upload)).observed_size == 2 * PART + 1


async def test_parts_that_lack_are_named_and_nothing_is_lost(world: World) -> None:
    upload = await world.in_parts(4)
    await world.send_parts(upload, (1, 4))
    with pytest.raises(PartsIncomplete) as caught:
        await complete(world, upload)
    assert caught.value.extra["missing"] == [(2, 3)]
    await world.send_parts(upload, (2, 3))
    assert (await complete(world, upload)).status is FileStatus.UPLOADED


async def test_a_part_of_another_size_can_be_sent_again(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    assert upload.parts is not None
    await world.store.send_part(upload.parts.signed.urls[1], b"short")
    with pytest.raises(PartsIncomplete) as caught:
        await complete(world, upload)
    assert caught.value.extra["wrong_size"] == [(2, 2)]
    held = await world.multipart.held_parts(ALICE, upload.record.id)
    assert held.missing == [(2, 2)]
    assert held.uploaded_bytes == PART + 1
    await world.send_parts(upload, (2,))
    assert (await complete(world, upload)).status is FileStatus.UPLOADED


async def test_parts_with_another_checksum_fail_the_file_and_are_removed(world: World) -> None:
    checksum = Checksum(ChecksumAlgorithm.CRC64NVME, "AAAAAAAAAAA=")
    upload = await world.in_parts(checksum=checksum)
    await world.send_parts(upload, (1, 2, 3))
    with pytest.raises(VerificationFailed, match="checksum"):
        await complete(world, upload)
    assert await world.status(upload.record) is FileStatus.FAILED
    assert world.repository.jobs == [Job(name=JobName.DISCARD, file_id=upload.record.id)]
    await world.removal.discard(upload.record.id)
    assert world.store.uploads == {}
    reason = world.repository.records[upload.record.id].status_reason
    assert reason_of(reason) is FailureReason.CHECKSUM


async def test_an_upload_that_the_store_ended_says_so(world: World) -> None:
    """By the bucket's lifecycle rule, or by an operator."""
    upload = await world.in_parts()
    world.store.uploads.clear()
    with pytest.raises(UploadExpired, match="no longer has this upload"):
        await complete(world, upload)
    with pytest.raises(UploadExpired, match="no longer has this upload"):
        await world.multipart.held_parts(ALICE, upload.record.id)


async def test_of_a_finished_file_all_parts_have_arrived(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    await complete(world, upload)
    held = await world.multipart.held_parts(ALICE, upload.record.id)
    assert (held.missing, held.uploaded_bytes) == ((), 2 * PART + 1)
    with pytest.raises(UploadExpired, match="the file is uploaded"):
        await world.part_urls.sign_parts(ALICE, upload.record.id, [1])


async def test_aborting_twice_is_once_and_there_is_no_way_back(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    failed = await world.multipart.abort(ALICE, upload.record.id)
    assert (failed.status, failed.status_reason) == (FileStatus.FAILED, "aborted")
    assert world.store.uploads == {}
    assert await world.multipart.abort(ALICE, upload.record.id) == failed
    with pytest.raises(IllegalTransition):
        await complete(world, upload)
    with pytest.raises(UploadExpired):
        await world.multipart.held_parts(ALICE, upload.record.id)


async def test_an_abort_that_the_store_does_not_hear_is_finished_by_the_worker(
    world: World,
) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1,))
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.multipart.abort(ALICE, upload.record.id)
    assert await world.status(upload.record) is FileStatus.FAILED
    world.store.down = False
    [job] = world.repository.jobs
    await world.removal.discard(job.file_id)
    assert world.store.uploads == {}


async def test_an_abort_that_comes_after_complete_is_refused(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    await complete(world, upload)
    with pytest.raises(IllegalTransition):
        await world.multipart.abort(ALICE, upload.record.id)
    assert world.store.objects, "the file is safe"


async def test_an_abort_that_wins_the_race_takes_the_object_with_it(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    world.before_next_move(lambda: world.multipart.abort(ALICE, upload.record.id))
    with pytest.raises(IllegalTransition):
        await complete(world, upload)
    assert world.store.objects == {}


async def test_an_abort_while_the_store_puts_the_parts_together(world: World) -> None:
    """SeaweedFS then says that there is an object, which the abort removes."""
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))

    async def contradict(*_: object) -> Assembly:
        await world.multipart.abort(ALICE, upload.record.id)
        return Assembly.EXISTS

    world.store.complete_multipart = contradict  # type: ignore[method-assign]
    with pytest.raises(IllegalTransition):
        await complete(world, upload)


async def test_renewals_do_not_keep_a_completion_from_its_end(world: World) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    world.now += timedelta(minutes=1)
    world.before_next_move(lambda: world.part_urls.sign_parts(ALICE, upload.record.id, [1]))
    assert (await complete(world, upload)).status is FileStatus.UPLOADED


async def test_a_file_of_one_request_has_no_parts(world: World) -> None:
    record = (await world.uploads.create(ALICE, HELLO)).record
    for attempt in (
        lambda: world.part_urls.sign_parts(ALICE, record.id, [1]),
        lambda: world.multipart.held_parts(ALICE, record.id),
        lambda: world.multipart.complete(ALICE, record.id),
        lambda: world.multipart.abort(ALICE, record.id),
    ):
        with pytest.raises(InvalidRequest, match="not in parts"):
            await attempt()
    assert await world.status(record) is FileStatus.PENDING


async def test_an_empty_file_is_one_empty_part(world: World) -> None:
    upload = await world.in_parts(file_size=0)
    await world.send_parts(upload, (1,))
    assert (await complete(world, upload)).observed_size == 0


async def test_of_a_creation_and_its_repetition_both_get_the_same_upload(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)
    world.before_next_move(lambda: world.uploads.create(ALICE, wish, "key"))
    upload = await world.uploads.create(ALICE, wish, "key")
    assert list(world.store.uploads) == [upload.record.upload_id]
    assert upload.parts is not None
    assert (await world.store.send_part(upload.parts.signed.urls[0], b"hello")).status_code == 200


async def test_an_upload_that_was_begun_in_vain_is_aborted(world: World) -> None:
    wish = dataclasses.replace(HELLO, method=RequestedMethod.MULTIPART)

    async def repeated() -> None:
        hidden, world.store.uploads = world.store.uploads, {}  # not begun yet when it looked
        await world.uploads.create(ALICE, wish, "key")
        world.store.uploads |= hidden

    world.before_next_move(repeated)
    upload = await world.uploads.create(ALICE, wish, "key")
    assert list(world.store.uploads) == [upload.record.upload_id]


async def test_parts_that_vanish_while_another_call_completes_are_not_missing(
    world: World,
) -> None:
    upload = await world.in_parts()
    await world.send_parts(upload, (1, 2, 3))
    [(upload_id, begun)] = world.store.uploads.items()
    await world.store.complete_multipart(begun.spec, upload_id, begun.parts)
    del begun.bodies[2]
    world.store.uploads[upload_id] = begun
    assert (await complete(world, upload)).status is FileStatus.UPLOADED
