"""SeaweedFS's own webhook, as its filer sends it to the service over HTTP."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from pydantic import SecretStr

from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS
from app.infrastructure.storage.bucket import set_up_bucket
from app.infrastructure.storage.client import calling_client, open_session
from app.main import create_app
from app.settings import Settings
from tests.support.processes import free_port
from tests.support.service import User
from tests.support.workers import until

SECRET = "between-the-filer-and-the-service-012"

NOTIFICATION = """
[notification.webhook]
enabled = true
endpoint = "http://127.0.0.1:{port}/storage-events"
bearer_token = "{secret}"
timeout_seconds = 10
max_retries = 3
backoff_seconds = 3
max_backoff_seconds = 30
event_types = ["create", "update", "rename"]
path_prefixes = ["/buckets/{bucket}/uploads"]
"""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def telling(
    settings: Settings, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A service on a SeaweedFS that tells it what is created."""
    directory = tmp_path_factory.mktemp("telling")
    toml = NOTIFICATION.format(port=port, secret=SECRET, bucket=settings.s3_bucket)
    (directory / "notification.toml").write_text(toml)
    engine = EmbeddedSeaweedFS(directory)
    server = engine.start()
    changes = {
        "s3_endpoint_url": server.endpoint_url,
        "s3_access_key": SecretStr(server.access_key),
        "s3_secret_key": SecretStr(server.secret_key),
        "storage_events_secret": SecretStr(SECRET),
    }
    there = settings.model_copy(update=changes)
    set_up_bucket(there, ["*"])
    yield there
    engine.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def user(telling: Settings, port: int) -> AsyncIterator[User]:
    server = uvicorn.Server(uvicorn.Config(create_app(telling), port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        ) as client:
            while not server.started:
                await asyncio.sleep(0.01)
                assert thread.is_alive()
            yield User(client)
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join)


async def until_uploaded(user: User, record: dict[str, Any]) -> None:
    async def is_uploaded() -> bool:
        answer = await user.call("GET", f"/files/{record['id']}")
        return bool(answer.json()["status"] == "uploaded")

    await until(is_uploaded, "the file is uploaded")
    events = (await user.call("GET", f"/files/{record['id']}/events")).json()["items"]
    assert [e["actor"] for e in events if e["to"] == "uploaded"] == ["storage-event"]


async def test_a_put_is_told(user: User) -> None:
    await until_uploaded(user, await user.upload())


async def test_parts_that_become_one_are_told(user: User, telling: Settings) -> None:
    """Whoever completes the upload: here nobody who would tell the service."""
    record = await user.ask(b"x" * 5, method="multipart")
    [part] = record["multipart"]["parts"]
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        (await http.put(part["url"], content=b"x" * 5)).raise_for_status()
    answer = await user.call("GET", f"/files/{record['id']}/parts")
    assert answer.json()["missing"] == []
    await asyncio.to_thread(_complete_behind_our_back, telling, record["key"])
    await until_uploaded(user, record)


def _complete_behind_our_back(settings: Settings, key: str) -> None:
    s3 = calling_client(open_session(settings), settings)
    [upload] = s3.list_multipart_uploads(Bucket=settings.s3_bucket, Prefix=key)["Uploads"]
    named = {"Bucket": settings.s3_bucket, "Key": key, "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
        for part in s3.list_parts(**named)["Parts"]
    ]
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    s3.close()
