"""A browserless client that uploads and vanishes: the store itself tells, and a worker hears it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.cli.server import resolved_environment
from app.settings import Settings
from tests.e2e.running import environment
from tests.support.aws import Bucket
from tests.support.cable import Cable
from tests.support.processes import DEADLINE, eventually, free_port
from tests.support.receiver import receiving
from tests.support.service import User, running, send
from tests.support.streams import following, served
from tests.support.workers import until

AUTO = """
[policies.default]
auto_complete = true
"""
IMPATIENT = "import app.worker.process as p; p.VISIBILITY = 3; import app.cli; app.cli.main()"
"""A worker whose messages come again to others in seconds, should it die."""


@pytest.fixture
def bucket(new_bucket: Callable[..., Bucket]) -> Bucket:
    return new_bucket()


@pytest.fixture
def settings_here(bucket: Bucket, tmp_path: Path) -> Settings:
    (tmp_path / "policies.toml").write_text(AUTO)
    return bucket.settings.model_copy(update={"upload_policies_file": tmp_path / "policies.toml"})


@pytest_asyncio.fixture
async def user(settings_here: Settings) -> AsyncIterator[User]:
    async with running(settings_here) as service:
        yield User(service.api)


@asynccontextmanager
async def worker(
    directory: Path, settings: Settings, port: int
) -> AsyncIterator[subprocess.Popen[bytes]]:
    process = _started(directory, settings, port)
    try:
        await asyncio.to_thread(eventually, lambda: _is_ready(port), "the worker is ready")
        yield process
    finally:
        process.kill()
        process.wait()


def _started(directory: Path, settings: Settings, port: int) -> subprocess.Popen[bytes]:
    directory.mkdir(exist_ok=True)
    given = resolved_environment(settings, Settings(_env_file=None))
    with (directory / "err").open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", IMPATIENT, "worker"],
            cwd=directory,
            env=environment(directory / "data", **given, WORKER_PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stderr=errors,
        )


def _is_ready(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and answer.json()["checks"]["storage_events"] == "ok"


@asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[Cable]:
    host, _, port = url.rpartition("//")[2].partition("/")[0].partition(":")
    async with Cable(lambda: asyncio.open_connection(host, int(port))) as cable:
        yield cable


def through(url: str, cable: Cable) -> str:
    parts = url.split("/")
    return "/".join([*parts[:2], f"127.0.0.1:{cable.port}", *parts[3:]])


async def until_completed(user: User, record: dict[str, str]) -> None:
    async def is_completed() -> bool:
        answer = await user.call("GET", f"/files/{record['id']}")
        return bool(answer.json()["status"] == "completed")

    await until(is_completed, "the file is completed")


async def until_empty(bucket: Bucket) -> None:
    async def is_empty() -> bool:
        return await asyncio.to_thread(bucket.told) == 0

    await until(is_empty, "the queue is empty")


async def test_a_client_vanishes_and_the_file_is_completed(
    user: User, bucket: Bucket, settings_here: Settings, tmp_path: Path
) -> None:
    port = free_port()
    async with worker(tmp_path / "worker", settings_here, port) as process:
        record = await user.ask()
        assert (await send(record, b"hello")).status_code == 200
        await until_completed(user, record)
        await until_empty(bucket)
        events = (await user.call("GET", f"/files/{record['id']}/events")).json()["items"]
        assert [(event["actor"], event["to"]) for event in events[1:]] == [
            ("storage-event", "uploaded"),
            ("storage-event", "completed"),
        ]
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
            metrics = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
        assert 'slipway_storage_events_total{outcome="verified"} 1.0' in metrics
        assert 'slipway_event_queue_messages_total{outcome="done"} 1.0' in metrics
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, DEADLINE) == 0


async def test_everybody_who_needs_to_know_is_told(
    bucket: Bucket, settings_here: Settings, tmp_path: Path
) -> None:
    """The file, a webhook and a stream, of an upload whose client is gone."""
    local = settings_here.model_copy(update={"webhook_allowed_networks": ("127.0.0.0/8",)})
    moves = [("pending", "uploaded"), ("uploaded", "completed")]
    async with served(local) as service, receiving() as receiver:
        user = User(service.api)
        made = await user.call("POST", "/webhooks", json={"url": receiver.url()})
        secret = made.json()["secret"]
        async with (
            worker(tmp_path / "worker", local, free_port()),
            following(user, "/files/stream") as stream,
        ):
            record = await user.ask()
            assert (await send(record, b"hello")).status_code == 200
            seen = [event.move for event in await stream.files(2)]
            told = [request.verified(secret) for request in await receiver.wait_for(2)]
        trail = (await user.call("GET", f"/files/{record['id']}/events")).json()["items"]
    assert seen == moves
    assert [message["type"] for message in told] == ["file.uploaded", "file.completed"]
    assert {message["data"]["id"] for message in told} == {record["id"]}
    assert [(e["actor"], e["from"], e["to"]) for e in trail[1:]] == [
        ("storage-event", *move) for move in moves
    ]


async def test_a_worker_that_is_killed_between_verifying_and_deleting(
    user: User, bucket: Bucket, settings_here: Settings, tmp_path: Path
) -> None:
    async with (
        cable_to(str(settings_here.s3_endpoint_url)) as to_store,
        cable_to(bucket.queue_url) as to_queue,
    ):
        cabled = settings_here.model_copy(
            update={
                "s3_endpoint_url": f"http://127.0.0.1:{to_store.port}",
                "s3_events_queue_url": through(bucket.queue_url, to_queue),
                "s3_timeout": 60,
            }
        )
        async with worker(tmp_path / "first", cabled, free_port()) as first:
            to_store.freeze()
            record = await user.upload()
            await until(lambda: _is_hidden(bucket), "it has the message, and asks the store")
            to_queue.freeze()
            to_store.thaw()
            await until_completed(user, record)
            first.kill()
            first.wait()
    assert await asyncio.to_thread(bucket.told) == 1, "it was not deleted"
    async with worker(tmp_path / "second", settings_here, free_port()):
        await until_empty(bucket)
    assert len(await user.trail(record)) == 3, "and nothing is done twice"


async def _is_hidden(bucket: Bucket) -> bool:
    asked = await asyncio.to_thread(
        bucket.aws.root("sqs").get_queue_attributes,
        QueueUrl=bucket.queue_url,
        AttributeNames=["ApproximateNumberOfMessagesNotVisible"],
    )
    return bool(asked["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1")
