"""What every ObjectStore does, the in-memory twin and an S3 that verifies alike."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.checksum import ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import UploadSpec
from app.exceptions.errors import StorageUnavailable
from tests.contract.conftest import BODY, Setup
from tests.support.checksums import checksum_of

PUT, POST = UploadMethod.PUT, UploadMethod.POST


@pytest.fixture
def spec(key_prefix: str) -> UploadSpec:
    return UploadSpec(key=f"{key_prefix}cat.txt", type="text/plain", size=len(BODY))


both = pytest.mark.parametrize("method", [PUT, POST])


@both
async def test_the_honest_upload_is_stored(
    setup: Setup, spec: UploadSpec, method: UploadMethod
) -> None:
    await setup.upload(spec, method)
    found = await setup.store.head(spec.key)
    assert found is not None
    assert (found.size, found.type) == (len(BODY), "text/plain")
    assert found.etag
    assert '"' not in found.etag


@both
async def test_an_empty_file_is_a_file(
    setup: Setup, spec: UploadSpec, method: UploadMethod
) -> None:
    signed = await setup.store.presign_upload(dataclasses.replace(spec, size=0), method, 60)
    assert (await setup.send(signed, b"")).status_code in (200, 201)
    found = await setup.store.head(spec.key)
    assert found is not None
    assert found.size == 0


async def test_a_put_says_exactly_what_to_send(setup: Setup, spec: UploadSpec) -> None:
    checksum = checksum_of(ChecksumAlgorithm.SHA256, BODY)
    signed = await setup.store.presign_upload(dataclasses.replace(spec, checksum=checksum), PUT, 60)
    assert (signed.method, signed.fields) == ("PUT", {})
    assert signed.headers == {
        "Content-Type": "text/plain",
        "If-None-Match": "*",
        "x-amz-checksum-sha256": checksum.value,
    }


async def test_a_post_says_the_whole_form(setup: Setup, spec: UploadSpec) -> None:
    signed = await setup.store.presign_upload(spec, POST, 60)
    assert (signed.method, signed.headers) == ("POST", {})
    assert signed.fields["key"] == spec.key
    assert signed.fields["Content-Type"] == "text/plain"
    assert "policy" in signed.fields


@both
async def test_it_expires_when_it_says(
    setup: Setup, spec: UploadSpec, method: UploadMethod
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    signed = await setup.store.presign_upload(spec, method, 60)
    after = datetime.now(UTC)
    assert before <= signed.expires_at - timedelta(seconds=60) <= after


@both
@pytest.mark.parametrize("body", [BODY + b"!", BODY[:-1], b""])
async def test_another_size_is_refused(
    setup: Setup, spec: UploadSpec, method: UploadMethod, body: bytes
) -> None:
    signed = await setup.store.presign_upload(spec, method, 60)
    assert (await setup.send(signed, body)).status_code in (400, 403)
    assert await setup.store.head(spec.key) is None


@pytest.mark.parametrize("size", [0, 1, len(BODY)])
async def test_a_form_with_a_limit_takes_what_is_smaller(
    setup: Setup, spec: UploadSpec, size: int
) -> None:
    limited = dataclasses.replace(spec, size_is_limit=True)
    signed = await setup.store.presign_upload(limited, POST, 60)
    assert (await setup.send(signed, BODY + b"!")).status_code == 400
    assert await setup.store.head(spec.key) is None
    assert (await setup.send(signed, BODY[:size])).status_code == 201
    found = await setup.store.head(spec.key)
    assert found is not None
    assert found.size == size


async def test_another_type_is_refused(setup: Setup, spec: UploadSpec) -> None:
    put = await setup.store.presign_upload(spec, PUT, 60)
    headers = {**put.headers, "Content-Type": "text/html"}
    assert (await setup.send(put, BODY, headers=headers)).status_code == 403
    post = await setup.store.presign_upload(spec, POST, 60)
    fields = {**post.fields, "Content-Type": "text/html"}
    assert (await setup.send(post, BODY, fields=fields)).status_code == 403
    assert await setup.store.head(spec.key) is None


@both
@pytest.mark.parametrize("algorithm", list(ChecksumAlgorithm))
async def test_other_bytes_under_a_checksum_are_refused(
    setup: Setup, spec: UploadSpec, method: UploadMethod, algorithm: ChecksumAlgorithm
) -> None:
    declared = dataclasses.replace(spec, checksum=checksum_of(algorithm, BODY))
    signed = await setup.store.presign_upload(declared, method, 60)
    assert (await setup.send(signed, BODY[::-1])).status_code == 400
    assert await setup.store.head(spec.key) is None
    assert (await setup.send(signed, BODY)).status_code in (200, 201)
    found = await setup.store.head(spec.key)
    assert found is not None
    assert found.checksums == {algorithm: checksum_of(algorithm, BODY).value}


async def test_a_put_writes_once(setup: Setup, spec: UploadSpec) -> None:
    signed = await setup.upload(spec)
    assert (await setup.send(signed, BODY)).status_code == 412


async def test_a_form_shows_what_it_replaced_by_another_etag(
    setup: Setup, spec: UploadSpec
) -> None:
    signed = await setup.upload(spec, POST)
    first = await setup.store.head(spec.key)
    assert (await setup.send(signed, BODY[::-1])).status_code == 201
    second = await setup.store.head(spec.key)
    assert first is not None
    assert second is not None
    assert first.etag != second.etag


@both
async def test_an_expired_upload_is_refused(
    setup: Setup, spec: UploadSpec, method: UploadMethod
) -> None:
    with setup.an_hour_ago():
        signed = await setup.store.presign_upload(spec, method, 60)
    assert (await setup.send(signed, BODY)).status_code == 403
    assert await setup.store.head(spec.key) is None


async def test_a_download_carries_the_type_and_the_name(setup: Setup, spec: UploadSpec) -> None:
    await setup.upload(spec)
    disposition = "attachment; filename=\"c_t.txt\"; filename*=UTF-8''c%C3%A4t.txt"
    signed = await setup.store.presign_download(
        spec.key, type="application/pdf", disposition=disposition, expires_in=60
    )
    answer = await setup.send(signed)
    assert (signed.method, signed.headers, signed.fields) == ("GET", {}, {})
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == disposition


async def test_an_expired_download_is_refused(setup: Setup, spec: UploadSpec) -> None:
    await setup.upload(spec)
    with setup.an_hour_ago():
        signed = await setup.store.presign_download(
            spec.key, type="text/plain", disposition="inline", expires_in=60
        )
    assert (await setup.send(signed)).status_code == 403


async def test_what_is_not_there_is_none(setup: Setup, spec: UploadSpec) -> None:
    assert await setup.store.head(spec.key) is None


async def test_deleting_is_idempotent(setup: Setup, spec: UploadSpec) -> None:
    await setup.upload(spec)
    await setup.store.delete(spec.key)
    assert await setup.store.head(spec.key) is None
    await setup.store.delete(spec.key)


async def test_it_promises_what_this_suite_proves(setup: Setup) -> None:
    promised = setup.store.capabilities
    assert promised.post_form
    assert promised.write_once
    assert promised.checksums == frozenset(ChecksumAlgorithm)


async def test_it_answers(setup: Setup) -> None:
    await setup.store.ping()


async def test_unreachable_it_still_signs_but_nothing_else(setup: Setup, spec: UploadSpec) -> None:
    assert (await setup.unreachable.presign_upload(spec, PUT, 60)).url
    assert (await setup.unreachable.presign_upload(spec, POST, 60)).url
    with pytest.raises(StorageUnavailable):
        await setup.unreachable.head(spec.key)
    with pytest.raises(StorageUnavailable):
        await setup.unreachable.delete(spec.key)
    with pytest.raises(StorageUnavailable):
        await setup.unreachable.ping()


async def test_listing_shows_everything_under_a_prefix(setup: Setup, spec: UploadSpec) -> None:
    keys = [f"{spec.key}{end}" for end in ("", ".b", ".c/d")]
    for key in reversed(keys):
        await setup.upload(dataclasses.replace(spec, key=key))
    with setup.pages_of(2):
        pages = [page async for page in setup.store.list_objects(spec.key)]
    assert [len(page) for page in pages] == [2, 1]
    listed = [entry for page in pages for entry in page]
    assert [entry.key for entry in listed] == keys
    found = await setup.store.head(spec.key)
    assert found is not None
    assert (listed[0].size, listed[0].etag) == (len(BODY), found.etag)
    assert abs(datetime.now(UTC) - listed[0].last_modified) < timedelta(minutes=1)
    assert [page async for page in setup.store.list_objects(f"{spec.key}.d") if page] == []
