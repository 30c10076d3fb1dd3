"""What every ObjectStore does with multipart uploads, the twin and an S3 that verifies alike."""

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.parts import MIN_PART_SIZE, StoredPart
from app.domain.ports import Assembly, ObjectStore, UploadGone, UploadSpec
from app.exceptions.errors import StorageUnavailable
from tests.contract.conftest import BODY, Setup
from tests.support.checksums import checksum_of

FULL_OBJECT = (ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME)
FIRST = b"x" * MIN_PART_SIZE


@pytest.fixture
def spec(key_prefix: str) -> UploadSpec:
    return UploadSpec(key=f"{key_prefix}film.txt", type="text/plain", size=len(BODY))


async def sent(setup: Setup, spec: UploadSpec, upload: str, number: int, body: bytes) -> None:
    signed = await setup.store.presign_parts(spec.key, upload, [number], 60)
    answer = await setup.send_part(signed.urls[0], body)
    assert answer.status_code == 200, answer.text


async def begun(setup: Setup, spec: UploadSpec, *bodies: bytes) -> str:
    """An upload whose parts are these."""
    upload = await setup.store.create_multipart(spec)
    for number, body in enumerate(bodies, start=1):
        await sent(setup, spec, upload, number, body)
    return upload


async def listed(store: ObjectStore, spec: UploadSpec, upload: str) -> list[StoredPart]:
    return [part async for page in store.parts(spec.key, upload) for part in page]


async def completed(setup: Setup, spec: UploadSpec, upload: str) -> Assembly:
    parts = await listed(setup.store, spec, upload)
    return await setup.store.complete_multipart(spec, upload, parts)


async def content(setup: Setup, spec: UploadSpec) -> bytes:
    signed = await setup.store.presign_download(
        spec.key, type=spec.type, disposition="inline", expires_in=60
    )
    return (await setup.send(signed)).content


async def is_gone(setup: Setup, spec: UploadSpec, upload: str) -> bool:
    try:
        await listed(setup.store, spec, upload)
    except UploadGone:
        return await setup.store.multipart_uploads(spec.key) == []
    return False


async def test_parts_become_one_object(setup: Setup, spec: UploadSpec) -> None:
    spec = dataclasses.replace(spec, size=MIN_PART_SIZE + len(BODY))
    upload = await begun(setup, spec, FIRST, BODY)
    assert await setup.store.head(spec.key) is None
    parts = await listed(setup.store, spec, upload)
    assert [(part.number, part.size) for part in parts] == [(1, len(FIRST)), (2, len(BODY))]
    assert not any('"' in part.etag for part in parts)
    assert await setup.store.complete_multipart(spec, upload, parts) is Assembly.DONE
    found = await setup.store.head(spec.key)
    assert found is not None
    assert (found.size, found.type) == (spec.size, "text/plain")
    assert await content(setup, spec) == FIRST + BODY
    assert await is_gone(setup, spec, upload)


async def test_an_empty_file_is_one_empty_part(setup: Setup, spec: UploadSpec) -> None:
    spec = dataclasses.replace(spec, size=0)
    upload = await begun(setup, spec, b"")
    assert [part.size for part in await listed(setup.store, spec, upload)] == [0]
    assert await completed(setup, spec, upload) is Assembly.DONE
    found = await setup.store.head(spec.key)
    assert found is not None
    assert found.size == 0


async def test_urls_come_in_the_order_asked_for(setup: Setup, spec: UploadSpec) -> None:
    upload = await setup.store.create_multipart(spec)
    before = datetime.now(UTC).replace(microsecond=0)
    signed = await setup.store.presign_parts(spec.key, upload, [7, 3, 10_000], 60)
    assert before <= signed.expires_at - timedelta(seconds=60) <= datetime.now(UTC)
    for url, number in zip(signed.urls, (7, 3, 10_000), strict=True):
        assert (await setup.send_part(url, b"%d" % number)).status_code == 200
    parts = await listed(setup.store, spec, upload)
    assert [(part.number, part.size) for part in parts] == [(3, 1), (7, 1), (10_000, 5)]


async def test_the_same_url_may_be_used_again(setup: Setup, spec: UploadSpec) -> None:
    upload = await setup.store.create_multipart(spec)
    signed = await setup.store.presign_parts(spec.key, upload, [1], 60)
    for _ in range(2):
        assert (await setup.send_part(signed.urls[0], BODY)).status_code == 200
    assert len(await listed(setup.store, spec, upload)) == 1
    assert await completed(setup, spec, upload) is Assembly.DONE


async def test_of_a_part_sent_twice_the_newest_counts(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, BODY[::-1] + b"!")
    await until_the_next_second()
    await sent(setup, spec, upload, 1, BODY)
    assert [part.size for part in await listed(setup.store, spec, upload)] == [len(BODY)]
    assert await completed(setup, spec, upload) is Assembly.DONE
    assert await content(setup, spec) == BODY


async def test_the_newest_counts_where_pages_meet(setup: Setup, spec: UploadSpec) -> None:
    """SeaweedFS lists both that came under a number, in any order: pages of 3 end between them."""
    upload = await begun(setup, spec, *[BODY[::-1]] * 6)
    await until_the_next_second()
    for number in range(1, 7):
        await sent(setup, spec, upload, number, BODY)
    with setup.pages_of(3):
        parts = await listed(setup.store, spec, upload)
    assert [part.number for part in parts] == [1, 2, 3, 4, 5, 6]
    assert {part.etag for part in parts} == {hashlib.md5(BODY, usedforsecurity=False).hexdigest()}


async def until_the_next_second() -> None:
    """SeaweedFS dates parts to the second."""
    second = int(time.time())
    while int(time.time()) == second:  # noqa: ASYNC110  # the clock tells nobody
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [0, 10_001])
async def test_a_number_beyond_the_limits_is_refused(
    setup: Setup, spec: UploadSpec, number: int
) -> None:
    upload = await setup.store.create_multipart(spec)
    signed = await setup.store.presign_parts(spec.key, upload, [number], 60)
    assert (await setup.send_part(signed.urls[0], BODY)).status_code == 400
    assert await listed(setup.store, spec, upload) == []


async def test_an_expired_part_url_is_refused(setup: Setup, spec: UploadSpec) -> None:
    upload = await setup.store.create_multipart(spec)
    with setup.an_hour_ago():
        signed = await setup.store.presign_parts(spec.key, upload, [1], 60)
    assert (await setup.send_part(signed.urls[0], BODY)).status_code == 403
    assert await listed(setup.store, spec, upload) == []


async def test_a_part_url_is_good_for_that_part_alone(setup: Setup, spec: UploadSpec) -> None:
    other = dataclasses.replace(spec, key=spec.key.replace("film", "song"))
    upload = await setup.store.create_multipart(spec)
    another, others = await begun(setup, spec), await begun(setup, other)
    url = (await setup.store.presign_parts(spec.key, upload, [1], 60)).urls[0]
    for forged in (
        url.replace("partNumber=1", "partNumber=2"),
        url.replace(upload, another),
        url.replace("film", "song").replace(upload, others),
    ):
        assert forged != url
        assert (await setup.send_part(forged, BODY)).status_code == 403
    for where, which in ((spec, upload), (spec, another), (other, others)):
        assert await listed(setup.store, where, which) == []


async def test_a_finished_upload_takes_no_more_parts(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, BODY)
    signed = await setup.store.presign_parts(spec.key, upload, [1], 60)
    assert await completed(setup, spec, upload) is Assembly.DONE
    assert (await setup.send_part(signed.urls[0], BODY[::-1])).status_code == 404
    assert await content(setup, spec) == BODY
    assert await is_gone(setup, spec, upload)


async def test_an_aborted_upload_is_gone(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, BODY)
    signed = await setup.store.presign_parts(spec.key, upload, [2], 60)
    parts = await listed(setup.store, spec, upload)
    await setup.store.abort_multipart(spec.key, upload)
    assert (await setup.send_part(signed.urls[0], BODY)).status_code == 404
    assert await setup.store.complete_multipart(spec, upload, parts) is Assembly.GONE
    assert await is_gone(setup, spec, upload)
    await setup.store.abort_multipart(spec.key, upload)
    await setup.store.abort_multipart(spec.key, "never-begun")


async def test_an_upload_belongs_to_its_key(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, BODY)
    other = dataclasses.replace(spec, key=f"{spec.key}.other")
    parts = await listed(setup.store, spec, upload)
    with pytest.raises(UploadGone):
        await listed(setup.store, other, upload)
    assert await setup.store.complete_multipart(other, upload, parts) is Assembly.GONE
    await setup.store.abort_multipart(other.key, upload)
    assert await completed(setup, spec, upload) is Assembly.DONE


def _another_etag(parts: Sequence[StoredPart]) -> list[StoredPart]:
    return [parts[0], dataclasses.replace(parts[1], etag="0" * 32)]


def _a_part_that_is_not_there(parts: Sequence[StoredPart]) -> list[StoredPart]:
    return [parts[0], dataclasses.replace(parts[1], number=3)]


def _another_order(parts: Sequence[StoredPart]) -> list[StoredPart]:
    return [parts[1], parts[0]]


@pytest.mark.parametrize("change", [_another_etag, _a_part_that_is_not_there, _another_order])
async def test_other_parts_than_the_stored_ones_are_refused(
    setup: Setup, spec: UploadSpec, change: object
) -> None:
    assert callable(change)
    upload = await begun(setup, spec, FIRST, BODY)
    parts = await listed(setup.store, spec, upload)
    refused = await setup.store.complete_multipart(spec, upload, change(parts))
    assert refused is Assembly.PARTS_DIFFER
    assert await setup.store.head(spec.key) is None
    assert await listed(setup.store, spec, upload) == parts
    assert await setup.store.complete_multipart(spec, upload, parts) is Assembly.DONE


async def test_a_small_part_must_be_the_last(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, FIRST[:-1], BODY)
    assert await completed(setup, spec, upload) is Assembly.PARTS_DIFFER
    assert len(await listed(setup.store, spec, upload)) == 2


async def test_completing_again_finds_it_gone(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, BODY)
    parts = await listed(setup.store, spec, upload)
    assert await setup.store.complete_multipart(spec, upload, parts) is Assembly.DONE
    assert await setup.store.complete_multipart(spec, upload, parts) is Assembly.GONE
    await setup.store.abort_multipart(spec.key, upload)
    assert await content(setup, spec) == BODY
    assert await setup.store.complete_multipart(spec, "never-begun", parts) is Assembly.GONE


async def test_completing_writes_once(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, BODY[::-1])
    await setup.upload(spec)
    parts = await listed(setup.store, spec, upload)
    assert await setup.store.complete_multipart(spec, upload, parts) is Assembly.EXISTS
    assert await content(setup, spec) == BODY
    assert await listed(setup.store, spec, upload) == parts
    await setup.store.abort_multipart(spec.key, upload)
    assert await is_gone(setup, spec, upload)


@pytest.mark.parametrize("algorithm", FULL_OBJECT)
async def test_a_full_object_checksum_is_verified(
    setup: Setup, spec: UploadSpec, algorithm: ChecksumAlgorithm
) -> None:
    spec = dataclasses.replace(spec, checksum=checksum_of(algorithm, BODY))
    upload = await begun(setup, spec, BODY[::-1])
    assert await completed(setup, spec, upload) is Assembly.CHECKSUM_DIFFERS
    assert await setup.store.head(spec.key) is None
    await setup.store.abort_multipart(spec.key, upload)
    assert await is_gone(setup, spec, upload)
    upload = await begun(setup, spec, BODY)
    assert await completed(setup, spec, upload) is Assembly.DONE
    found = await setup.store.head(spec.key)
    assert found is not None
    assert found.checksums == {algorithm: checksum_of(algorithm, BODY).value}


async def test_a_full_object_checksum_covers_all_parts(setup: Setup, spec: UploadSpec) -> None:
    """CRC-32 of 5 MiB of `x` and BODY."""
    checksum = Checksum(ChecksumAlgorithm.CRC32, "nrfMqQ==")
    spec = dataclasses.replace(spec, checksum=checksum)
    upload = await begun(setup, spec, FIRST, BODY)
    assert await completed(setup, spec, upload) is Assembly.DONE
    found = await setup.store.head(spec.key)
    assert found is not None
    assert found.checksums == {checksum.algorithm: checksum.value}


async def test_parts_come_in_pages(setup: Setup, spec: UploadSpec) -> None:
    upload = await begun(setup, spec, *[BODY] * 5)
    with setup.pages_of(2):
        pages = [page async for page in setup.store.parts(spec.key, upload)]
    assert max(len(page) for page in pages) <= 2
    assert [part.number for page in pages for part in page] == [1, 2, 3, 4, 5]


async def test_an_upload_that_goes_between_two_pages_is_gone(
    setup: Setup, spec: UploadSpec
) -> None:
    upload = await begun(setup, spec, BODY, BODY)
    with setup.pages_of(1):
        pages = setup.store.parts(spec.key, upload)
        assert len(await anext(aiter(pages))) == 1
        await setup.store.abort_multipart(spec.key, upload)
        with pytest.raises(UploadGone):
            await anext(aiter(pages))


async def test_uploads_are_found_by_exactly_their_key(setup: Setup, spec: UploadSpec) -> None:
    longer = dataclasses.replace(spec, key=f"{spec.key}.longer")
    uploads = {await begun(setup, spec), await begun(setup, spec, BODY)}
    others = {await begun(setup, longer)}
    with setup.pages_of(1):
        assert set(await setup.store.multipart_uploads(spec.key)) == uploads
    assert set(await setup.store.multipart_uploads(longer.key)) == others
    assert await setup.store.multipart_uploads(spec.key[:-1]) == []


async def test_unfinished_uploads_are_listed_by_prefix(setup: Setup, spec: UploadSpec) -> None:
    longer = dataclasses.replace(spec, key=f"{spec.key}.longer")
    begun_here = {(spec.key, await begun(setup, spec)), (longer.key, await begun(setup, longer))}
    finished = await begun(setup, spec, BODY)
    assert await completed(setup, spec, finished) is Assembly.DONE
    with setup.pages_of(1):
        pages = [page async for page in setup.store.unfinished_uploads(spec.key)]
    assert all(len(page) <= 1 for page in pages)
    found = [upload for page in pages for upload in page]
    assert {(upload.key, upload.upload_id) for upload in found} == begun_here
    assert all(abs(datetime.now(UTC) - u.initiated) < timedelta(minutes=1) for u in found)


async def test_it_promises_what_this_suite_proves(setup: Setup) -> None:
    promised = setup.store.capabilities
    assert promised.multipart_checksums == frozenset(FULL_OBJECT)
    assert promised.multipart_write_once


async def test_unreachable_it_still_signs_parts_but_nothing_else(
    setup: Setup, spec: UploadSpec
) -> None:
    store = setup.unreachable
    assert len((await store.presign_parts(spec.key, "upload", [1, 2], 60)).urls) == 2
    for call in (
        store.create_multipart(spec),
        listed(store, spec, "upload"),
        store.complete_multipart(spec, "upload", [StoredPart(1, 1, "etag")]),
        store.abort_multipart(spec.key, "upload"),
        store.multipart_uploads(spec.key),
    ):
        with pytest.raises(StorageUnavailable):
            await call
