"""What the adapter asks of boto3 for multipart uploads, and how it signs many parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from botocore.stub import Stubber

from app.domain.checksum import ChecksumAlgorithm
from app.domain.parts import StoredPart
from app.domain.ports import Assembly, UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage.presigning import PARTS_AT_ONCE
from app.infrastructure.storage.s3 import S3ObjectStore
from tests.support.checksums import checksum_of
from tests.support.stores import open_store
from tests.unit.test_s3_plumbing import settings_of

BODY = b"a few bytes"
SPEC = UploadSpec(key="k", type="a/b", size=len(BODY))
CHECKED = UploadSpec(
    key="k", type="a/b", size=len(BODY), checksum=checksum_of(ChecksumAlgorithm.CRC64NVME, BODY)
)
UPLOAD = {"Bucket": "b", "Key": "k", "UploadId": "u"}
ASSEMBLED = {**UPLOAD, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"e"'}]}}


@pytest_asyncio.fixture(loop_scope="session")
async def store() -> AsyncIterator[S3ObjectStore]:
    async with open_store(settings_of(s3_bucket="b")) as store:
        yield store


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        (SPEC, {}),
        (CHECKED, {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}),
    ],
)
async def test_an_upload_begins_with_its_type_and_checksum(
    store: S3ObjectStore, spec: UploadSpec, asked: dict[str, str]
) -> None:
    with Stubber(store._client) as stubber:
        expected = {"Bucket": "b", "Key": "k", "ContentType": "a/b", **asked}
        stubber.add_response("create_multipart_upload", {"UploadId": "u"}, expected)
        assert await store.create_multipart(spec) == "u"


@pytest.mark.parametrize("answer", [{}, {"UploadId": ""}])
async def test_an_answer_without_an_upload_is_a_failure_of_the_store(
    store: S3ObjectStore, answer: dict[str, str]
) -> None:
    with Stubber(store._client) as stubber:
        stubber.add_response("create_multipart_upload", answer)
        with pytest.raises(StorageUnavailable, match="none of S3's"):
            await store.create_multipart(SPEC)


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        (SPEC, {}),
        (CHECKED, {"ChecksumCRC64NVME": CHECKED.checksum, "ChecksumType": "FULL_OBJECT"}),
    ],
)
@pytest.mark.parametrize(("provider", "once"), [("aws", {"IfNoneMatch": "*"}), ("generic", {})])
async def test_it_ends_on_the_conditions_that_the_provider_honours(
    spec: UploadSpec, asked: dict[str, Any], provider: str, once: dict[str, str]
) -> None:
    asked = {name: getattr(value, "value", value) for name, value in asked.items()}
    async with open_store(settings_of(s3_bucket="b", s3_provider=provider)) as store:
        with Stubber(store._patient_client) as stubber:
            stubber.add_response("complete_multipart_upload", {}, {**ASSEMBLED, **asked, **once})
            parts = [StoredPart(1, len(BODY), "e")]
            assert await store.complete_multipart(spec, "u", parts) is Assembly.DONE


async def test_nothing_but_the_host_is_signed_on_a_part(store: S3ObjectStore) -> None:
    signed = await store.presign_parts("k", "u/+ ", [1], 60)
    query = parse_qs(urlsplit(signed.urls[0]).query)
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert {name for name in query if not name.startswith("X-Amz-")} == {"partNumber", "uploadId"}
    assert query["uploadId"] == ["u/+ "]


async def test_many_signatures_leave_turns_to_others(store: S3ObjectStore) -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    signed = await store.presign_parts("k", "u", range(1, 10_001), 60)
    other.cancel()
    assert len(set(signed.urls)) == 10_000
    assert turns >= 10_000 / PARTS_AT_ONCE
