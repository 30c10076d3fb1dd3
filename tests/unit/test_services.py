"""Orders of events that only a controllable store, repository and clock can make."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from app.domain.file import FileEvent, FileStatus
from app.domain.policy import Policies
from app.domain.transition import moved
from app.domain.upload_request import RequestedMethod
from app.exceptions.errors import (
    DatabaseUnavailable,
    IllegalTransition,
    ObjectMissing,
    StorageUnavailable,
    UploadExpired,
    VerificationFailed,
)
from app.service.presigned_url import Upload
from tests.support.records import NOON, a_record
from tests.support.world import ALICE, HELLO, World


@pytest.fixture
def world() -> World:
    return World()


async def test_counts_tell_what_happened(world: World) -> None:
    record = await world.uploaded()
    await world.move(record, FileStatus.COMPLETED)
    assert world.counts == [
        ("PUT", "default"),
        ("verified",),
        ("pending", "uploaded"),
        ("uploaded", "completed"),
    ]


async def test_the_end_of_a_pending_record_is_after_its_urls(world: World) -> None:
    upload = await world.uploads.create(ALICE, dataclasses.replace(HELLO, expires_in=60))
    assert upload.record.expires_at == NOON + timedelta(seconds=60)
    assert upload.record.ends_at == NOON + timedelta(seconds=360)


async def test_auto_complete_goes_on_by_itself_in_two_events(world: World) -> None:
    record = await world.uploaded(policy="auto")
    assert (await world.move(record, FileStatus.UPLOADED)).status is FileStatus.COMPLETED
    assert len(world.repository.trail[record.id]) == 3
    again = await world.move(record, FileStatus.UPLOADED)
    assert again.status is FileStatus.COMPLETED
    assert len(world.repository.trail[record.id]) == 3


async def test_auto_complete_does_not_revive_a_failed_file(world: World) -> None:
    record = await world.uploaded(policy="auto")
    await world.move(record, FileStatus.FAILED)
    with pytest.raises(IllegalTransition) as caught:
        await world.move(record, FileStatus.UPLOADED)
    assert caught.value.extra == {"from": "failed", "to": "uploaded"}


async def test_the_loser_of_a_race_sees_the_outcome(world: World) -> None:
    record = await world.uploaded()
    world.before_next_move(lambda: world.move(record, FileStatus.FAILED))
    with pytest.raises(IllegalTransition):
        await world.move(record, FileStatus.UPLOADED)
    assert world.repository.records[record.id].status is FileStatus.FAILED


async def test_the_loser_of_a_race_to_the_same_state_succeeds(world: World) -> None:
    record = await world.uploaded()
    world.before_next_move(lambda: world.move(record, FileStatus.UPLOADED))
    assert (await world.move(record, FileStatus.UPLOADED)).status is FileStatus.UPLOADED
    assert len(world.repository.trail[record.id]) == 2


async def test_a_refusal_that_loses_the_race_removes_nothing(world: World) -> None:
    record = await world.uploaded()
    world.store.put(record.key, b"other bytes", "text/plain")

    async def repaired() -> None:
        world.store.put(record.key, b"hello", "text/plain")
        await world.move(record, FileStatus.UPLOADED)

    world.before_next_move(repaired)
    assert (await world.move(record, FileStatus.UPLOADED)).status is FileStatus.UPLOADED
    assert await world.store.head(record.key) is not None


async def test_a_refusal_stands_when_the_object_cannot_be_removed(world: World) -> None:
    record = await world.uploaded()
    world.store.put(record.key, b"other bytes", "text/plain")
    honest = world.store.delete

    async def broken(*arguments: Any) -> None:
        raise StorageUnavailable("The object store does not answer.")

    world.store.delete = broken  # type: ignore[method-assign]
    with pytest.raises(VerificationFailed):
        await world.move(record, FileStatus.UPLOADED)
    world.store.delete = honest  # type: ignore[method-assign]
    assert world.repository.records[record.id].status is FileStatus.FAILED


async def test_a_store_that_is_down_changes_nothing(world: World) -> None:
    record = await world.uploaded()
    world.store.down = True
    with pytest.raises(StorageUnavailable):
        await world.move(record, FileStatus.UPLOADED)
    with pytest.raises(StorageUnavailable):
        await world.files.delete(ALICE, record.id)
    assert world.repository.records[record.id] == record


async def test_bytes_that_came_in_time_count_after_the_end(world: World) -> None:
    record = await world.uploaded()
    world.now = record.ends_at + timedelta(days=1)
    assert (await world.move(record, FileStatus.UPLOADED)).status is FileStatus.UPLOADED


async def test_a_repeated_key_after_the_end_is_gone(world: World) -> None:
    first = await world.uploads.create(ALICE, HELLO, "key")
    world.now = first.record.ends_at
    with pytest.raises(UploadExpired):
        await world.uploads.create(ALICE, HELLO, "key")


async def test_a_repeated_key_renews_the_end(world: World) -> None:
    first = await world.uploads.create(ALICE, HELLO, "key")
    world.now = NOON + timedelta(seconds=600)
    again = await world.uploads.create(ALICE, HELLO, "key")
    assert (again.created, again.record.id) == (False, first.record.id)
    assert again.record.expires_at == world.now + timedelta(seconds=900)
    assert world.repository.records[first.record.id].ends_at == again.record.ends_at


async def test_a_shorter_life_does_not_hide_the_longer_one_of_an_earlier_url(world: World) -> None:
    first = await world.uploads.create(ALICE, HELLO, "key")
    policies = world.uploads._policies.by_name
    shorter = {"default": dataclasses.replace(policies["default"], expires_in=1)}
    world.uploads._policies = Policies(shorter)
    again = await world.uploads.create(ALICE, HELLO, "key")
    assert again.signed is not None
    assert again.signed.expires_at == NOON + timedelta(seconds=1)
    assert again.record.expires_at == first.record.expires_at
    assert again.record.ends_at == first.record.ends_at


async def test_a_repeated_key_of_a_batch(world: World) -> None:
    first = await world.uploads.create_many(ALICE, [HELLO, HELLO], "key")
    again = await world.uploads.create_many(ALICE, [HELLO, HELLO], "key")
    assert [u.record.id for u in again] == [u.record.id for u in first]


async def test_a_file_that_is_uploaded_while_its_key_is_repeated(world: World) -> None:
    first = await world.uploads.create(ALICE, HELLO, "key")
    world.store.put(first.record.key, b"hello", "text/plain")
    world.before_next_move(lambda: world.move(first.record, FileStatus.UPLOADED))
    again = await world.uploads.create(ALICE, HELLO, "key")
    assert again == Upload(world.repository.records[first.record.id], None, created=False)


async def test_a_file_that_is_deleted_while_its_key_is_repeated(world: World) -> None:
    first = await world.uploads.create(ALICE, HELLO, "key")
    world.before_next_move(lambda: world.files.delete(ALICE, first.record.id))
    with pytest.raises(UploadExpired, match="deleted"):
        await world.uploads.create(ALICE, HELLO, "key")


async def test_a_deletion_that_loses_the_race_tries_again(world: World) -> None:
    record = await world.uploaded()
    world.before_next_move(lambda: world.move(record, FileStatus.FAILED))
    await world.files.delete(ALICE, record.id)
    assert world.repository.records[record.id].deleted_at == NOON


async def test_an_endless_race_is_given_up(world: World) -> None:
    record = await world.uploaded()

    async def never(*arguments: Any) -> bool:
        return False

    world.repository.move = never  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailable, match="kept changing"):
        await world.move(record, FileStatus.UPLOADED)


async def test_a_file_swept_from_the_store_cannot_complete(world: World) -> None:
    record = await world.uploaded()
    await world.move(record, FileStatus.UPLOADED)
    await world.store.delete(record.key)
    with pytest.raises(ObjectMissing):
        await world.move(record, FileStatus.COMPLETED)
    assert world.repository.records[record.id].status is FileStatus.UPLOADED


async def test_a_database_that_is_down_gives_no_url_away(world: World) -> None:
    world.repository.down = True
    with pytest.raises(DatabaseUnavailable):
        await world.uploads.create(ALICE, HELLO)
    assert world.counts == []


async def test_a_post_is_recorded_as_one(world: World) -> None:
    post = dataclasses.replace(HELLO, method=RequestedMethod.POST)
    upload = await world.uploads.create(ALICE, post)
    assert (upload.record.method, upload.signed and upload.signed.method) == ("POST", "POST")


async def test_what_was_signed_does_not_show_in_a_repr(world: World) -> None:
    for method in (RequestedMethod.PUT, RequestedMethod.POST):
        upload = await world.uploads.create(ALICE, dataclasses.replace(HELLO, method=method))
        assert upload.signed is not None
        shown = repr(upload.signed)
        assert upload.signed.url not in shown
        assert not any(value in shown for value in upload.signed.fields.values())


async def test_a_download_is_noted_in_the_trail(world: World) -> None:
    record = await world.uploaded()
    await world.move(record, FileStatus.UPLOADED)
    signed = await world.files.download_url(ALICE, record.id, expires_in=60)
    last: FileEvent = world.repository.trail[record.id][-1]
    assert (last.event, last.detail["method"]) == ("url_issued", "GET")
    assert signed.url not in str(last)


def test_moved_keeps_what_was_known() -> None:
    """`moved` is shared by every source of truth: a second look must not forget the first."""
    record = a_record(status=FileStatus.UPLOADED, etag="abc", observed_size=5)
    after, _ = moved(record, (FileStatus.COMPLETED,), "user:alice", NOON)
    assert (after.etag, after.observed_size) == ("abc", 5)


async def test_an_idempotency_key_means_the_same_in_the_next_release(world: World) -> None:
    await world.uploads.create(ALICE, HELLO, "key")
    [(claim, _)] = world.repository.claims.values()
    known = "d0ae5fdcb480806631793eddedd06508869a055a29d016ca4c1e1dc2350421aa"
    assert claim.fingerprint == known
