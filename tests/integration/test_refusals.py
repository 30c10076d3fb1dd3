"""Every way to abuse a signed request, over real HTTP against an S3 that verifies.

Each refusal also shows that nothing was stored, and that the honest request succeeds after it.
What SeaweedFS 4.48 lets pass where AWS refuses is said in `docs/security.md`.
"""

import base64
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import anyio
import httpx
import pytest
import pytest_asyncio

from app.domain.checksum import ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import SignedRequest, UploadSpec
from app.infrastructure.storage.capabilities import SEAWEEDFS
from app.infrastructure.storage.s3 import S3ObjectStore
from app.settings import Settings
from tests.support.checksums import checksum_of
from tests.support.stores import open_store, send_signed

BODY = b"exactly these bytes"
OTHER = BODY[::-1]
PUT, POST = UploadMethod.PUT, UploadMethod.POST
NAME = 'attachment; filename="report.txt"'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def past_store(store_settings: Settings) -> AsyncIterator[S3ObjectStore]:
    """The same store an hour ago."""
    then = datetime.now(UTC) - timedelta(hours=1)
    async with open_store(store_settings, clock=lambda: then) as store:
        yield store


@pytest.fixture
def spec(key_prefix: str) -> UploadSpec:
    return UploadSpec(
        key=f"{key_prefix}report.txt",
        type="text/plain",
        size=len(BODY),
        checksum=checksum_of(ChecksumAlgorithm.SHA256, BODY),
    )


async def refused(
    store: S3ObjectStore, spec: UploadSpec, honest: SignedRequest, answer: httpx.Response
) -> int:
    """The status of a refusal that stored nothing and left the honest request good."""
    assert await store.head(spec.key) is None
    assert (await send_signed(honest, BODY)).status_code in (200, 201)
    found = await store.head(spec.key)
    assert found is not None
    assert (found.size, found.type) == (len(BODY), spec.type)
    return answer.status_code


def altered(signed: SignedRequest, **query: str | None) -> SignedRequest:
    """The request with other query parameters; None drops one."""
    parts = urlsplit(signed.url)
    values = dict(parse_qsl(parts.query)) | query
    kept = {name: value for name, value in values.items() if value is not None}
    return dataclasses.replace(signed, url=parts._replace(query=urlencode(kept)).geturl())


def elsewhere(signed: SignedRequest, old: str, new: str) -> SignedRequest:
    return dataclasses.replace(signed, url=signed.url.replace(old, new))


@pytest.mark.parametrize("body", [BODY + b"!", BODY[:-1], b""], ids=["longer", "shorter", "empty"])
async def test_put_of_another_size(
    object_store: S3ObjectStore, spec: UploadSpec, body: bytes
) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    answer = await send_signed(signed, body)
    assert await refused(object_store, spec, signed, answer) == 403


async def test_put_without_a_declared_length(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield BODY

    signed = await object_store.presign_upload(spec, PUT, 60)
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        answer = await http.put(signed.url, content=chunks(), headers=dict(signed.headers))
    assert await refused(object_store, spec, signed, answer) in (403, 411)


async def test_put_cut_short_stores_nothing(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    url = urlsplit(signed.url)
    headers = {"Host": url.netloc, "Content-Length": str(len(BODY)), **signed.headers}
    lines = [f"PUT {url.path}?{url.query} HTTP/1.1", *[f"{k}: {v}" for k, v in headers.items()]]
    head = "\r\n".join([*lines, "", ""]).encode()
    async with await anyio.connect_tcp(url.hostname or "", url.port or 80) as connection:
        await connection.send(head + BODY[:5])
        await connection.send_eof()
        with anyio.fail_after(10):
            answer = await connection.receive()
    assert b" 200 " not in answer.splitlines()[0]
    assert await refused(object_store, spec, signed, httpx.Response(400)) == 400


@pytest.mark.parametrize("name", ["Content-Type", "If-None-Match", "x-amz-checksum-sha256"])
@pytest.mark.parametrize("value", [None, "text/html"], ids=["missing", "another"])
async def test_put_with_a_signed_header_missing_or_altered(
    object_store: S3ObjectStore, spec: UploadSpec, name: str, value: str | None
) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    headers = dict(signed.headers)
    del headers[name]
    if value is not None:
        headers[name] = value
    answer = await send_signed(signed, BODY, headers=headers)
    assert await refused(object_store, spec, signed, answer) in (400, 403)


@pytest.mark.parametrize(
    "header", ["x-amz-acl", "x-amz-meta-owner", "x-amz-tagging", "x-amz-storage-class"]
)
async def test_put_with_a_further_amz_header(
    object_store: S3ObjectStore, spec: UploadSpec, header: str
) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    answer = await send_signed(signed, BODY, headers={**signed.headers, header: "public-read"})
    assert await refused(object_store, spec, signed, answer) in (400, 403)


async def test_put_to_another_key(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    other = elsewhere(signed, "report.txt", "other.txt")
    answer = await send_signed(other, BODY)
    assert await object_store.head(spec.key.replace("report.txt", "other.txt")) is None
    assert await refused(object_store, spec, signed, answer) == 403


async def test_put_to_another_bucket(
    object_store: S3ObjectStore, spec: UploadSpec, store_settings: Settings
) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    other = elsewhere(signed, f"/{store_settings.s3_bucket}/", "/another-bucket/")
    answer = await send_signed(other, BODY)
    assert await refused(object_store, spec, signed, answer) in (403, 404)


async def test_put_a_second_time(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    assert (await send_signed(signed, BODY)).status_code == 200
    assert (await send_signed(signed, BODY)).status_code == 412
    assert (await send_signed(signed, OTHER)).status_code in (400, 412)


async def test_put_too_late(
    object_store: S3ObjectStore, past_store: S3ObjectStore, spec: UploadSpec
) -> None:
    answer = await send_signed(await past_store.presign_upload(spec, PUT, 60), BODY)
    honest = await object_store.presign_upload(spec, PUT, 60)
    assert await refused(object_store, spec, honest, answer) == 403


@pytest.mark.parametrize("method", [PUT, POST])
@pytest.mark.parametrize("algorithm", sorted(SEAWEEDFS.checksums))
async def test_other_bytes_of_the_same_size(
    object_store: S3ObjectStore,
    spec: UploadSpec,
    algorithm: ChecksumAlgorithm,
    method: UploadMethod,
) -> None:
    declared = dataclasses.replace(spec, checksum=checksum_of(algorithm, BODY))
    signed = await object_store.presign_upload(declared, method, 60)
    answer = await send_signed(signed, OTHER)
    assert await refused(object_store, spec, signed, answer) == 400


@pytest.mark.parametrize(
    "query",
    [
        {"X-Amz-Expires": "604800"},
        {"X-Amz-SignedHeaders": "host"},
        {"X-Amz-SignedHeaders": "content-type;host"},
        {"X-Amz-Date": "20990101T000000Z"},
        {"X-Amz-Algorithm": "AWS4-HMAC-SHA1"},
        {"X-Amz-Credential": "somebody/20260101/us-east-1/s3/aws4_request"},
        {"X-Amz-Signature": "0" * 64},
        {"X-Amz-Signature": None},
        {"X-Amz-Expires": None},
        {"partNumber": "1", "uploadId": "x"},
        {"tagging": ""},
        {"acl": ""},
    ],
    ids=str,
)
async def test_put_with_an_altered_query(
    object_store: S3ObjectStore, spec: UploadSpec, query: dict[str, str | None]
) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    answer = await send_signed(altered(signed, **query), BODY)
    assert await refused(object_store, spec, signed, answer) in (400, 403)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
async def test_a_put_url_is_for_put_alone(
    object_store: S3ObjectStore, spec: UploadSpec, method: str
) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    assert (await send_signed(signed, BODY)).status_code == 200
    answer = await send_signed(dataclasses.replace(signed, method=method))
    assert answer.status_code in (403, 412) if method == "POST" else answer.status_code == 403
    assert await object_store.head(spec.key) is not None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
async def test_a_get_url_is_for_get_alone(
    object_store: S3ObjectStore, spec: UploadSpec, method: str
) -> None:
    await send_signed(await object_store.presign_upload(spec, PUT, 60), BODY)
    signed = await object_store.presign_download(
        spec.key, type="text/plain", disposition=NAME, expires_in=60
    )
    answer = await send_signed(dataclasses.replace(signed, method=method), OTHER)
    assert answer.status_code == 403
    answer = await send_signed(signed)
    assert (answer.status_code, answer.content) == (200, BODY)


@pytest.mark.parametrize(
    "query",
    [
        {"response-content-type": "text/html"},
        {"response-content-disposition": "inline"},
        {"response-content-disposition": None},
        {"X-Amz-Expires": "604800"},
        {"versionId": "x"},
    ],
    ids=str,
)
async def test_get_with_an_altered_query(
    object_store: S3ObjectStore, spec: UploadSpec, query: dict[str, str | None]
) -> None:
    await send_signed(await object_store.presign_upload(spec, PUT, 60), BODY)
    signed = await object_store.presign_download(
        spec.key, type="text/plain", disposition=NAME, expires_in=60
    )
    assert (await send_signed(altered(signed, **query))).status_code == 403
    answer = await send_signed(signed)
    assert (answer.status_code, answer.headers["Content-Disposition"]) == (200, NAME)


async def test_get_of_another_key_or_too_late(
    object_store: S3ObjectStore, past_store: S3ObjectStore, spec: UploadSpec
) -> None:
    await send_signed(await object_store.presign_upload(spec, PUT, 60), BODY)
    said = {"type": "text/plain", "disposition": NAME, "expires_in": 60}
    other = await object_store.presign_download(spec.key + "x", **said)
    assert (await send_signed(elsewhere(other, "report.txtx", "report.txt"))).status_code == 403
    late = await past_store.presign_download(spec.key, **said)
    assert (await send_signed(late)).status_code == 403


@pytest.mark.parametrize("body", [BODY + b"!", BODY[:-1], b""], ids=["longer", "shorter", "empty"])
async def test_form_with_another_size(
    object_store: S3ObjectStore, spec: UploadSpec, body: bytes
) -> None:
    signed = await object_store.presign_upload(spec, POST, 60)
    answer = await send_signed(signed, body)
    assert await refused(object_store, spec, signed, answer) == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"Content-Type": "text/html"},
        {"success_action_status": "200"},
        {"x-amz-meta-owner": "somebody"},
        {"x-amz-date": "20990101T000000Z"},
        {"x-amz-credential": "somebody/20260101/us-east-1/s3/aws4_request"},
        {"x-amz-checksum-sha256": checksum_of(ChecksumAlgorithm.SHA256, OTHER).value},
        {"x-amz-signature": "0" * 64},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_form_with_an_altered_or_further_field(
    object_store: S3ObjectStore, spec: UploadSpec, fields: dict[str, str]
) -> None:
    signed = await object_store.presign_upload(spec, POST, 60)
    answer = await send_signed(signed, BODY, fields={**signed.fields, **fields})
    assert await refused(object_store, spec, signed, answer) in (400, 403)


async def test_form_with_any_field_missing(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    signed = await object_store.presign_upload(spec, POST, 60)
    for name in signed.fields:
        fields = {other: value for other, value in signed.fields.items() if other != name}
        answer = await send_signed(signed, BODY, fields=fields)
        assert answer.status_code in (400, 403), name
        assert await object_store.head(spec.key) is None
    assert (await send_signed(signed, BODY)).status_code == 201


@pytest.mark.parametrize("key", ["other.txt", "${filename}", "../report.txt"])
async def test_form_with_another_key(
    object_store: S3ObjectStore, spec: UploadSpec, key_prefix: str, key: str
) -> None:
    signed = await object_store.presign_upload(spec, POST, 60)
    fields = {**signed.fields, "key": key_prefix + key}
    answer = await send_signed(signed, BODY, fields=fields)
    assert await object_store.head(key_prefix + "blob") is None
    assert await refused(object_store, spec, signed, answer) in (400, 403)


async def test_form_with_a_wider_policy(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    signed = await object_store.presign_upload(spec, POST, 60)
    policy = base64.b64decode(signed.fields["policy"]).decode()
    size = f'["content-length-range", {len(BODY)}, {len(BODY)}]'
    assert size in policy
    policy = policy.replace(size, '["content-length-range", 0, 1000000]')
    wider = base64.b64encode(policy.encode()).decode()
    answer = await send_signed(signed, BODY + b"!", fields={**signed.fields, "policy": wider})
    assert await refused(object_store, spec, signed, answer) == 403


async def test_form_too_late(
    object_store: S3ObjectStore, past_store: S3ObjectStore, spec: UploadSpec
) -> None:
    answer = await send_signed(await past_store.presign_upload(spec, POST, 60), BODY)
    honest = await object_store.presign_upload(spec, POST, 60)
    assert await refused(object_store, spec, honest, answer) == 403


async def test_form_in_another_bucket(
    object_store: S3ObjectStore, spec: UploadSpec, store_settings: Settings
) -> None:
    signed = await object_store.presign_upload(spec, POST, 60)
    other = elsewhere(signed, f"/{store_settings.s3_bucket}", "/another-bucket")
    answer = await send_signed(other, BODY)
    assert await refused(object_store, spec, signed, answer) in (403, 404)


async def test_nobody_writes_unsigned(object_store: S3ObjectStore, spec: UploadSpec) -> None:
    signed = await object_store.presign_upload(spec, PUT, 60)
    bare = dataclasses.replace(signed, url=signed.url.partition("?")[0])
    answer = await send_signed(bare, BODY)
    assert await refused(object_store, spec, signed, answer) == 403
    assert (await send_signed(dataclasses.replace(bare, method="GET"))).status_code == 403
