"""The S3 adapter against a real server, and against servers that fail as servers do."""

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from app.domain.checksum import ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import SignedRequest, UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage.bucket import set_up_bucket
from app.infrastructure.storage.s3 import S3ObjectStore
from app.settings import Settings
from tests.support.checksums import checksum_of
from tests.support.stores import open_store, send_signed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODY = b"hello"
PUT, POST = UploadMethod.PUT, UploadMethod.POST


@pytest.fixture
def spec(key_prefix: str) -> UploadSpec:
    return UploadSpec(key=f"{key_prefix}hello.txt", type="text/plain", size=len(BODY))


@pytest.fixture
def versioned(store_settings: Settings, admin_s3: "S3Client") -> Iterator[Settings]:
    """Another bucket, which keeps versions."""
    settings = store_settings.model_copy(update={"s3_bucket": f"versions-{uuid.uuid4().hex[:8]}"})
    set_up_bucket(settings, ["*"])
    admin_s3.put_bucket_versioning(
        Bucket=settings.s3_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    yield settings
    for version in admin_s3.list_object_versions(Bucket=settings.s3_bucket).get("Versions", []):
        admin_s3.delete_object(
            Bucket=settings.s3_bucket, Key=version["Key"], VersionId=version["VersionId"]
        )
    admin_s3.delete_bucket(Bucket=settings.s3_bucket)


async def test_a_composite_checksum_is_not_the_objects(
    object_store: S3ObjectStore, spec: UploadSpec, admin_s3: "S3Client", store_settings: Settings
) -> None:
    where = {"Bucket": store_settings.s3_bucket, "Key": spec.key}
    upload = admin_s3.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in enumerate((b"x" * 5 * 1024**2, b"end"), start=1):
        part = admin_s3.upload_part(
            **where, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256"
        )
        digest = checksum_of(ChecksumAlgorithm.SHA256, body).value
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": digest})
    admin_s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    found = await object_store.head(spec.key)
    assert found is not None
    assert found.size == 5 * 1024**2 + 3
    assert found.checksums == {}


async def test_every_version_goes(
    versioned: Settings, spec: UploadSpec, admin_s3: "S3Client"
) -> None:
    """A form can write twice, and what is deleted must not give way to what was below it."""
    neighbour = dataclasses.replace(spec, key=f"{spec.key}.bak")
    async with open_store(versioned) as store:
        for upload in (spec, spec, neighbour):
            signed = await store.presign_upload(upload, POST, 60)
            assert (await send_signed(signed, BODY)).status_code == 201
        found = await store.head(spec.key)
        assert found is not None
        assert found.version_id
        for _ in range(2):
            await store.delete(spec.key)
        assert await store.head(spec.key) is None
        assert await store.head(neighbour.key) is not None
    left = admin_s3.list_object_versions(Bucket=versioned.s3_bucket, Prefix=spec.key)
    assert [version["Key"] for version in left["Versions"]] == [neighbour.key]
    assert not left.get("DeleteMarkers")


async def over(address: str, signed: SignedRequest) -> httpx.Response:
    """Send the request to `address` under the host that it is signed for, as a proxy would."""
    url = httpx.URL(signed.url)
    moved = httpx.URL(address).copy_with(raw_path=url.raw_path)
    headers = {**signed.headers, "Host": url.netloc.decode()}
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        return await http.request(signed.method, moved, headers=headers, content=BODY)


@pytest.mark.parametrize(
    ("change", "host"),
    [
        ({"s3_public_endpoint_url": "https://files.example"}, "files.example"),
        ({"s3_public_endpoint_url": "http://Files.example:8443"}, "Files.example:8443"),
        ({"s3_public_endpoint_url": "http://[::1]:8333"}, "[::1]:8333"),
        (
            {"s3_public_endpoint_url": "http://localhost", "s3_addressing_style": "virtual"},
            "{bucket}.localhost",
        ),
    ],
)
async def test_urls_are_signed_for_the_public_host(
    store_settings: Settings, spec: UploadSpec, change: dict[str, str], host: str
) -> None:
    settings = store_settings.model_copy(update=change)
    async with open_store(settings) as store:
        signed = await store.presign_upload(spec, PUT, 60)
        assert (
            httpx.URL(signed.url).netloc.decode() == host.format(bucket=settings.s3_bucket).lower()
        )
        answer = await over(str(settings.s3_endpoint_url), signed)
        assert answer.status_code == 200, answer.text
        assert await store.head(spec.key) is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"s3_bucket": "there-is-no-such-bucket"}, "no such bucket: check S3_BUCKET"),
        ({"s3_secret_key": SecretStr("not-the-key")}, "denies access: check the credentials"),
        ({"s3_access_key": SecretStr("nobody")}, "denies access: check the credentials"),
        ({"s3_endpoint_url": "http://127.0.0.1:9"}, "cannot be reached: check S3_ENDPOINT_URL"),
    ],
)
async def test_what_is_wrong_is_said_without_secrets(
    store_settings: Settings, change: dict[str, object], says: str
) -> None:
    settings = store_settings.model_copy(update=change)
    calls: list[tuple[str, str]] = []

    def on_call(operation: str, outcome: str, seconds: float) -> None:
        calls.append((operation, outcome))

    async with open_store(settings, on_call=on_call) as store:
        for call in (store.ping(), store.head("key"), store.delete("key")):
            with pytest.raises(StorageUnavailable, match=says) as caught:
                await call
            assert "http" not in caught.value.detail
            assert caught.value.retry_after == 5
    assert calls == [("ping", "error"), ("head", "error"), ("delete", "error")]


async def test_calls_are_counted_by_outcome(store_settings: Settings, spec: UploadSpec) -> None:
    calls: list[tuple[str, str]] = []

    def on_call(operation: str, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        calls.append((operation, outcome))

    async with open_store(store_settings, on_call=on_call) as store:
        await store.head(spec.key)
        await send_signed(await store.presign_upload(spec, PUT, 60), BODY)
        await store.head(spec.key)
        await store.delete(spec.key)
        await store.ping()
    assert calls == [("head", "missing"), ("head", "ok"), ("delete", "ok"), ("ping", "ok")]


@dataclasses.dataclass
class Failing:
    """A server on loopback that answers every request with `answer`, or never, or drop by drop."""

    answer: bytes | None
    drops: float | None = None
    url: str = ""
    requests: int = 0
    open: int = 0
    most_open: int = 0
    asked: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.asked.set()
                if self.answer is not None:
                    writer.write(self.answer)
                while self.drops is not None:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(self.drops)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def failing(answer: bytes | None, drops: float | None = None) -> AsyncIterator[Failing]:
    there = Failing(answer, drops)
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield there


@pytest.mark.parametrize(
    ("answer", "says", "requests"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "answered with an error \\(500\\)", 3),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "asks to slow down", 3),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "denies access", 1),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be reached", 3),
    ],
)
async def test_failures_of_the_server_are_retried_and_bounded(
    store_settings: Settings, answer: bytes, says: str, requests: int
) -> None:
    async with failing(answer) as server:
        settings = store_settings.model_copy(update={"s3_endpoint_url": server.url})
        async with open_store(settings) as store:
            with pytest.raises(StorageUnavailable, match=says):
                await store.head("key")
        assert server.requests == requests


async def test_a_silent_server_holds_up_neither_the_loop_nor_the_caller(
    store_settings: Settings, spec: UploadSpec
) -> None:
    outcomes: list[str] = []
    async with failing(None) as server:
        settings = store_settings.model_copy(
            update={"s3_endpoint_url": server.url, "s3_timeout": 3, "s3_max_connections": 2}
        )
        async with open_store(settings, on_call=lambda _, how, __: outcomes.append(how)) as store:
            calls = [asyncio.create_task(store.head("key")) for _ in range(5)]
            await server.asked.wait()
            assert (await store.presign_upload(spec, PUT, 60)).url
            assert not any(call.done() for call in calls)
            errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in errors] == [StorageUnavailable] * 5
        assert all("in time (S3_TIMEOUT)" in str(error) for error in errors)
        assert outcomes == ["timeout"] * 5
        assert server.most_open <= 2


async def test_an_answer_that_never_ends_is_cut_off(store_settings: Settings) -> None:
    async with failing(b"HTTP/1.1 200 OK\r\nX-Slow: ", drops=0.05) as server:
        settings = store_settings.model_copy(
            update={"s3_endpoint_url": server.url, "s3_timeout": 0.6}
        )
        async with open_store(settings) as store, asyncio.timeout(60):
            with pytest.raises(StorageUnavailable, match="in time"):
                await store.ping()
        server.drops = None


def preflight(settings: Settings, origin: str, method: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type,if-none-match,x-amz-checksum-sha256",
    }
    url = f"{settings.s3_endpoint_url}/{settings.s3_bucket}/key"
    with httpx.Client(trust_env=False, verify=False, timeout=60) as http:
        return http.options(url, headers=headers)


def test_the_bucket_lets_only_the_configured_origins_in(store_settings: Settings) -> None:
    settings = store_settings.model_copy(update={"s3_bucket": f"cors-{uuid.uuid4().hex[:8]}"})
    for origins in (["https://app.test"], []):  # without origins the rules stay
        set_up_bucket(settings, origins)
    for method in ("PUT", "POST", "GET"):
        allowed = preflight(settings, "https://app.test", method)
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.test"
        assert (
            "Access-Control-Allow-Origin"
            not in preflight(settings, "https://evil.test", method).headers
        )
    assert preflight(store_settings, "https://any.test", "PUT").is_success


def test_the_bucket_drops_unfinished_uploads(
    store_settings: Settings, admin_s3: "S3Client"
) -> None:
    rules = admin_s3.get_bucket_lifecycle_configuration(Bucket=store_settings.s3_bucket)["Rules"]
    assert rules[0]["Status"] == "Enabled"
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 30}


@pytest.mark.parametrize(
    "change",
    [{"s3_endpoint_url": "http://127.0.0.1:9"}, {"s3_secret_key": SecretStr("not-the-key")}],
    ids=["nowhere", "denied"],
)
def test_a_bucket_that_cannot_be_set_up_is_said(
    store_settings: Settings, change: dict[str, object]
) -> None:
    with pytest.raises(StorageUnavailable):
        set_up_bucket(store_settings.model_copy(update=change), ["*"])
