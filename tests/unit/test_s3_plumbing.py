"""What the adapter makes of settings and of boto3's answers. Nothing here proves security."""

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import boto3
import pytest
import pytest_asyncio
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)
from botocore.stub import Stubber
from moto import mock_aws
from structlog.testing import capture_logs

from app.domain.checksum import ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage import bucket
from app.infrastructure.storage.capabilities import PROFILES, capabilities_of, detect
from app.infrastructure.storage.client import addressing_style
from app.infrastructure.storage.failures import unavailable
from app.infrastructure.storage.s3 import S3ObjectStore
from app.settings import Settings
from tests.support.stores import open_store


def settings_of(**changes: Any) -> Settings:
    plain = {"storage_type": "s3", "s3_access_key": "key", "s3_secret_key": "secret"}
    return Settings(_env_file=None, **(plain | changes))


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (None, "aws"),
        ("https://s3.eu-west-1.amazonaws.com", "aws"),
        ("https://S3.eu-west-1.AmazonAWS.com.:443/", "aws"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "aws"),
        ("https://account.r2.cloudflarestorage.com", "r2"),
        ("https://account.eu.r2.cloudflarestorage.com", "r2"),
        ("https://amazonaws.com.evil.example", "generic"),
        ("https://notamazonaws.com", "generic"),
        ("http://127.0.0.1:9000", "generic"),
        ("http://[::1]:9000", "generic"),
        ("not an address", "generic"),
    ],
)
def test_the_endpoint_gives_the_provider_away(endpoint: str | None, name: str) -> None:
    assert detect(endpoint).name == name


def test_the_settings_decide_before_the_endpoint() -> None:
    assert capabilities_of(settings_of(s3_provider="minio")).name == "minio"
    assert capabilities_of(settings_of(storage_type="local")).name == "seaweedfs"
    assert capabilities_of(settings_of()).name == "aws"


def test_the_careful_minimum_promises_nothing() -> None:
    generic = PROFILES["generic"]
    assert not generic.post_form
    assert not generic.write_once
    assert not generic.checksums
    assert not generic.multipart_checksums
    assert not generic.multipart_write_once


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_no_profile_promises_a_checksum_that_parts_do_not_add_up_to(profile: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html"""
    digests = {ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256}
    assert profile.multipart_checksums.isdisjoint(digests)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_no_profile_exceeds_what_one_put_may_carry(profile: Any) -> None:
    assert profile.max_put_size <= 5 * 1024**3 < profile.max_object_size


def test_the_addressing_style_is_the_providers_unless_set() -> None:
    assert addressing_style(settings_of()) == "virtual"
    assert addressing_style(settings_of(s3_provider="r2")) == "path"
    assert addressing_style(settings_of(s3_addressing_style="path")) == "path"
    assert addressing_style(settings_of(s3_provider="r2", s3_addressing_style="virtual")) == (
        "virtual"
    )


def client_error(status: int, code: str = "") -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "HeadObject")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (client_error(301), "another region: check S3_REGION"),
        (client_error(400, "ExpiredToken"), "rejects the request"),
        (client_error(403, "RequestTimeTooSkewed"), "and the clock"),
        (client_error(404, "NoSuchBucket"), "check S3_BUCKET"),
        (client_error(418), "answered with an error (418)"),
        (client_error(503, "SlowDown"), "slow down"),
        (TimeoutError(), "in time (S3_TIMEOUT)"),
        (ConnectTimeoutError(endpoint_url="https://user:secret@host"), "in time"),
        (EndpointConnectionError(endpoint_url="https://user:secret@host"), "cannot be reached"),
        (ConnectionResetError(), "cannot be reached"),
        (NoCredentialsError(), "check the service's role"),
        (RuntimeError("Credentials were refreshed, but are still expired"), "service's role"),
    ],
)
def test_errors_say_what_to_check(error: Exception, says: str) -> None:
    told = unavailable(error)
    assert says in told.detail
    assert "secret" not in told.detail
    assert told.retry_after >= 1


@pytest_asyncio.fixture(loop_scope="session")
async def stubbed() -> AsyncIterator[tuple[S3ObjectStore, Stubber]]:
    async with open_store(settings_of(s3_bucket="b")) as store:
        with Stubber(store._client) as stubber:
            yield store, stubber
            stubber.assert_no_pending_responses()


async def test_deleting_what_is_gone_succeeds(stubbed: tuple[S3ObjectStore, Stubber]) -> None:
    store, stubber = stubbed
    asked = {"Bucket": "b", "Key": "k"}
    stubber.add_client_error(
        "delete_object", "NoSuchKey", http_status_code=404, expected_params=asked
    )
    await store.delete("k")


async def test_a_store_that_was_closed_answers_no_more() -> None:
    async with open_store(settings_of()) as store:
        pass
    with pytest.raises(StorageUnavailable):
        await store.ping()


async def test_where_writing_once_is_unknown_nobody_is_told_to() -> None:
    async with open_store(settings_of(s3_provider="generic")) as store:
        spec = UploadSpec(key="k", type="a/b", size=1)
        signed = await store.presign_upload(spec, UploadMethod.PUT, 60)
    assert signed.headers == {"Content-Type": "a/b"}
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost&" in signed.url


async def test_the_environment_does_not_move_the_endpoint(monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://elsewhere.example")
    async with open_store(settings_of(s3_region="eu-west-1", s3_bucket="bucket")) as store:
        signed = await store.presign_download("k", type="a/b", disposition="inline", expires_in=9)
        assert signed.url.startswith("https://bucket.s3.eu-west-1.amazonaws.com/k?")
        assert store._client.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"


@pytest.fixture
def aws() -> Iterator[Any]:
    """moto's AWS, which verifies nothing: good for shapes only."""
    with mock_aws():
        yield boto3.client("s3", "us-east-1", aws_access_key_id="key", aws_secret_access_key="s")


async def test_on_aws_the_same_calls_have_the_same_shapes(aws: Any) -> None:
    name = f"b{uuid.uuid4().hex}"
    aws.create_bucket(Bucket=name)
    aws.put_object(Bucket=name, Key="k", Body=b"hello", ContentType="text/plain")
    async with open_store(settings_of(s3_bucket=name)) as store:
        await store.ping()
        assert [entry.size async for page in store.list_objects("k") for entry in page] == [5]
        await store.delete("k")
        assert [page async for page in store.list_objects("k") if page] == []
    async with open_store(settings_of(s3_bucket="not-there")) as store:
        with pytest.raises(StorageUnavailable, match="S3_BUCKET"):
            await store.ping()


def test_a_store_without_lifecycle_rules_is_still_set_up(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_rules(*_: object) -> Any:
        return {"Rules": [{"Status": "Enabled"}]}

    monkeypatch.setattr(bucket, "lifecycle_configuration", no_rules)
    name = f"b{uuid.uuid4().hex}"
    with capture_logs() as logs:
        bucket.set_up_bucket(settings_of(s3_bucket=name), ["https://app.test"])
    assert [log["code"] for log in logs] == ["MalformedXML"]
    rules = aws.get_bucket_cors(Bucket=name)["CORSRules"]
    assert rules[0]["AllowedOrigins"] == ["https://app.test"]
