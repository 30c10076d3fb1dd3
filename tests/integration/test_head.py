"""HeadObject by our own hand: what boto3 would have sent, found and said."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.domain.checksum import ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage import head
from app.infrastructure.storage.client import ATTEMPTS
from app.infrastructure.storage.failures import MalformedAnswer
from app.infrastructure.storage.sigv4 import SigV4Signer
from app.settings import Settings
from tests.support.certificates import Certificates
from tests.support.chaos import ChaosProxy
from tests.support.receiver import Answer, Received, Receiver, receiving, status
from tests.support.stores import open_store, send_signed

BUCKET, OBJECT = "/b", "/b/k"
FOUND = status(200, 'ETag: "e"', "Content-Type: a/b", "x-amz-version-id: v")


def settings_of(url: str, **changes: Any) -> Settings:
    plain: dict[str, Any] = {
        "storage_type": "s3",
        "s3_bucket": "b",
        "s3_endpoint_url": url,
        "s3_access_key": SecretStr("key"),
        "s3_secret_key": SecretStr("secret"),
    }
    return Settings(_env_file=None, **(plain | changes))


async def look(url: str, **changes: Any) -> Any:
    async with open_store(settings_of(url, **changes)) as store:
        return await store.head("k")


@pytest_asyncio.fixture
async def store() -> AsyncIterator[Receiver]:
    """A store that answers as a test says."""
    async with receiving() as store:
        yield store


def paths(store: Receiver) -> list[str]:
    return [request.path for request in store.received]


def is_ours(request: Received) -> bool:
    """Whether boto3, which names itself, has not sent it."""
    return "Boto3" not in request.headers.get("user-agent", "")


@pytest.mark.parametrize(
    ("said", "checksums"),
    [
        ([], {}),
        (["x-amz-checksum-sha256: abc="], {ChecksumAlgorithm.SHA256: "abc="}),
        (
            [
                "x-amz-checksum-sha1: a=",
                "X-Amz-Checksum-CRC32C: b==",
                "x-amz-checksum-type: FULL_OBJECT",
            ],
            {ChecksumAlgorithm.SHA1: "a=", ChecksumAlgorithm.CRC32C: "b=="},
        ),
        (["x-amz-checksum-crc64nvme: c="], {ChecksumAlgorithm.CRC64NVME: "c="}),
        (["x-amz-checksum-crc32: d==", "x-amz-checksum-type: COMPOSITE"], {}),
        (["x-amz-checksum-sha256: abc=-2"], {}),
    ],
)
async def test_every_header_counts(
    store: Receiver, said: list[str], checksums: dict[ChecksumAlgorithm, str]
) -> None:
    store.otherwise = status(200, 'ETag: "e"', "Content-Type: a/b", "x-amz-version-id: v", *said)
    found = await look(store.url(""))
    assert (found.size, found.type, found.etag, found.version_id) == (0, "a/b", "e", "v")
    assert found.checksums == checksums
    [request] = store.received
    assert is_ours(request)
    assert (request.path, request.headers["x-amz-checksum-mode"]) == (OBJECT, "ENABLED")


@pytest.mark.parametrize("size", [None, "many"])
def test_an_answer_without_a_size_is_none_of_s3s(size: str | None) -> None:
    with pytest.raises(MalformedAnswer):
        head.observed({} if size is None else {"content-length": size})


async def test_what_no_store_says_is_a_failure_of_the_store(
    store: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(_: object) -> Any:
        raise MalformedAnswer

    monkeypatch.setattr(head, "observed", malformed)
    store.otherwise = FOUND
    with pytest.raises(StorageUnavailable, match="none of S3's"):
        await look(store.url(""))


async def test_a_missing_object_is_told_from_a_missing_bucket(store: Receiver) -> None:
    store.answers = [status(404), status(200)]
    assert await look(store.url("")) is None
    assert paths(store) == [OBJECT, BUCKET]
    store.answers = [status(404), status(404)]
    with pytest.raises(StorageUnavailable, match="S3_BUCKET"):
        await look(store.url(""))


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    "failure",
    [*map(status, (500, 502, 503, 504)), _hang_up],
    ids=["500", "502", "503", "504", "hung up"],
)
async def test_what_passes_is_repeated(store: Receiver, failure: Answer) -> None:
    store.answers = [failure] * (ATTEMPTS - 1)
    store.otherwise = FOUND
    assert await look(store.url(""), s3_timeout=60)
    assert paths(store) == [OBJECT] * ATTEMPTS
    assert all(map(is_ours, store.received))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (301, "another region: check S3_REGION"),
        (307, "another region: check S3_REGION"),
        (400, "rejects the request"),
        (403, "denies access"),
        (429, "slow down"),
        (418, "answered with an error \\(418\\)"),
    ],
)
async def test_what_stays_is_said(store: Receiver, code: int, says: str) -> None:
    store.otherwise = status(code)
    async with open_store(settings_of(store.url(""))) as adapter:
        for call in (adapter.head("k"), adapter.ping()):
            with pytest.raises(StorageUnavailable, match=says) as told:
                await call
            assert told.value.retry_after


@pytest.mark.parametrize("first", [301, 307, 400])
async def test_the_region_that_the_store_names_is_found(store: Receiver, first: int) -> None:
    """boto3 follows: a bucket that is elsewhere is still looked at."""
    region = "x-amz-bucket-region: eu-west-1"
    store.answers = [status(first, region), status(first, region)]
    store.otherwise = FOUND
    assert await look(store.url(""))
    assert paths(store) == [OBJECT] * 3
    assert "/eu-west-1/s3/" in store.received[-1].headers["authorization"]


async def test_it_is_dated_now_whatever_the_services_own_clock_says(
    store_settings: Settings, spec: UploadSpec
) -> None:
    """A store refuses what is dated an hour off."""
    for hours in (-1, 1):
        clock = partial(_off_by, timedelta(hours=hours))
        async with open_store(store_settings, clock=clock) as store:
            assert await store.head(spec.key) is None


def _off_by(offset: timedelta) -> datetime:
    return datetime.now(UTC) + offset


class OfTheEnvironment:
    """What the environment says of proxies and certificates, which boto3 follows."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "no_proxy", "NO_PROXY", "AWS_CA_BUNDLE"):
            patch.delenv(name, raising=False)
        self.set = patch.setenv


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> OfTheEnvironment:
    return OfTheEnvironment(monkeypatch)


async def test_certificates_are_those_that_aws_ca_bundle_trusts(
    environment: OfTheEnvironment, tmp_path: Path, quiet_handshakes: None
) -> None:
    certificates = Certificates(tmp_path, "localhost", "127.0.0.1")
    async with receiving(certificates.server) as store:
        store.otherwise = FOUND
        with pytest.raises(StorageUnavailable):
            await look(store.url(""))
        assert store.received == []
        environment.set("AWS_CA_BUNDLE", str(certificates.file))
        assert await look(store.url(""))
        assert paths(store) == [OBJECT]


async def test_the_way_is_through_the_proxy_of_the_environment(
    environment: OfTheEnvironment, store: Receiver
) -> None:
    environment.set("http_proxy", store.url(""))
    store.otherwise = FOUND
    assert await look("http://store.invalid", s3_addressing_style="path")
    assert paths(store) == [f"http://store.invalid{OBJECT}"]
    assert store.received[0].headers["host"] == "store.invalid"


@pytest.fixture
def spec(key_prefix: str) -> UploadSpec:
    return UploadSpec(key=f"{key_prefix}a b+c=ü.txt", type="text/plain", size=5)


@pytest.fixture(params=[False, True], ids=["sigv4", "boto3"])
def signer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The fast signer, or boto3 because that one differs."""
    if request.param:
        monkeypatch.setattr(SigV4Signer, "sign_head", lambda *_, **__: None)
    return "boto3" if request.param else "sigv4"


async def test_it_is_signed_for_where_the_service_itself_goes(
    store_settings: Settings, spec: UploadSpec, signer: str
) -> None:
    """The store verifies: what is signed for the public endpoint's host would be a 403."""
    chosen: list[str] = []
    async with ChaosProxy(str(store_settings.s3_endpoint_url)) as proxy:
        settings = store_settings.model_copy(
            update={
                "s3_endpoint_url": proxy.url,
                "s3_public_endpoint_url": store_settings.s3_endpoint_url,
            }
        )
        async with open_store(settings, on_signer=chosen.append) as store:
            assert await store.head(spec.key) is None
            signed = await store.presign_upload(spec, UploadMethod.PUT, 60)
            assert (await send_signed(signed, b"hello")).status_code == 200
            found = await store.head(spec.key)
    assert found is not None
    assert (found.size, found.type) == (5, "text/plain")
    assert chosen == [signer]
    assert proxy.calls == {"HeadObject": 3}  # and of those one of the bucket
