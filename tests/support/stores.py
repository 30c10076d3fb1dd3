"""Object stores to test against: a bucket of its own on the embedded S3 for the session."""

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.container import utc_now
from app.domain.ports import SignedRequest
from app.infrastructure.embedded.seaweedfs import S3Server
from app.infrastructure.storage.bucket import set_up_bucket
from app.infrastructure.storage.client import client_config
from app.infrastructure.storage.s3 import S3ObjectStore, open_s3_store
from app.settings import Settings, StorageType

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@asynccontextmanager
async def open_store(settings: Settings, **options: Any) -> AsyncIterator[S3ObjectStore]:
    """The adapter with these settings; `clock`, `on_call` and `on_signer` as `open_s3_store`."""
    plain = {"clock": utc_now, "on_call": lambda *_: None, "on_signer": lambda _: None}
    store = await open_s3_store(settings, **(plain | options))
    try:
        yield store
    finally:
        await store.close()


async def send_signed(
    signed: SignedRequest,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> httpx.Response:
    """What a client does with a signed request, honestly unless told other headers or fields."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        if signed.method == "POST":
            form = dict(signed.fields if fields is None else fields)
            file = {"file": ("blob", body, "application/x-of-the-part")}
            return await http.post(signed.url, data=form, files=file)
        sent = dict(signed.headers if headers is None else headers)
        content = body if signed.method == "PUT" else None
        return await http.request(signed.method, signed.url, content=content, headers=sent)


@pytest.fixture(scope="session")
def store_settings(s3_server: S3Server) -> Settings:
    """Settings of the embedded S3 with a fresh bucket, set up as development sets it up."""
    settings = Settings(
        _env_file=None,
        storage_type=StorageType.S3,
        s3_bucket=f"test-{uuid.uuid4().hex[:12]}",
        s3_region=s3_server.region,
        s3_endpoint_url=s3_server.endpoint_url,
        s3_access_key=SecretStr(s3_server.access_key),
        s3_secret_key=SecretStr(s3_server.secret_key),
        s3_provider="seaweedfs",
    )
    set_up_bucket(settings, ["*"])
    return settings


@pytest.fixture(scope="session")
def admin_s3(s3_server: S3Server, store_settings: Settings) -> Iterator["S3Client"]:
    """A client that may do everything, to act behind the service's back."""
    client = boto3.Session(s3_server.access_key, s3_server.secret_key).client(
        "s3",
        endpoint_url=s3_server.endpoint_url,
        region_name=s3_server.region,
        config=client_config(store_settings),
    )
    yield client
    client.close()


@pytest.fixture
def key_prefix() -> str:
    """A folder of the bucket that no other test uses, with its slash."""
    return f"{uuid.uuid4().hex}/"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def object_store(store_settings: Settings) -> AsyncIterator[S3ObjectStore]:
    """The adapter on the embedded S3, opened once; whatever a test stores has its own prefix."""
    async with open_store(store_settings) as store:
        yield store
