"""Bucket events from a real queue: S3 tells SQS, and the worker's consumer reads it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.exceptions.errors import NotReady, StorageUnavailable
from app.infrastructure.events.sqs import QueuedMessage, SqsQueue
from app.service.storage_events import read_json
from app.settings import Settings
from app.worker import events as module
from app.worker.events import EventConsumer
from tests.support.aws import Bucket
from tests.support.cable import Cable
from tests.support.events import event_bridge_body, s3_body, sns_envelope
from tests.support.service import Running, User, running
from tests.support.workers import until

BRIEF = 2
"""Seconds that a message is hidden, where a test waits for it to come again."""

AUTO = """
[policies.default]
auto_complete = true
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 1)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.2)


@asynccontextmanager
async def consuming(
    service: Running,
    settings: Settings,
    *,
    take: Callable[[str], Awaitable[object]] | None = None,
    visibility: int = module.VISIBILITY,
) -> AsyncIterator[tuple[EventConsumer, Counter[str]]]:
    """A consumer with the services of `service`, and what it counts."""
    counts: Counter[str] = Counter()

    async def receive(body: str) -> None:
        await service.container.storage_events.receive(read_json(body))

    async def park(message: QueuedMessage, reason: str) -> None:
        await service.container.parked_events.park(message.id, message.body, reason)

    queue = SqsQueue(settings, visibility=visibility, threads=8)
    consumer = EventConsumer(
        queue,
        take=take or receive,
        park=park,
        on_messages=lambda outcome, count: counts.update({outcome: count}),
        on_error=lambda: counts.update({"errors": 1}),
    )
    running = asyncio.create_task(consumer.run())
    try:
        yield consumer, counts
    finally:
        consumer.stop()
        async with asyncio.timeout(60):
            await running
        queue.close()


@pytest_asyncio.fixture
async def bucket(new_bucket: Callable[..., Bucket]) -> Bucket:
    return await asyncio.to_thread(new_bucket)


@pytest_asyncio.fixture
async def service(bucket: Bucket, tmp_path: Path) -> AsyncIterator[Running]:
    (tmp_path / "policies.toml").write_text(AUTO)
    changes = {"upload_policies_file": tmp_path / "policies.toml"}
    async with running(bucket.settings.model_copy(update=changes)) as service:
        yield service


async def status_of(user: User, record: dict[str, Any]) -> str:
    return str((await user.call("GET", f"/files/{record['id']}")).json()["status"])


async def until_status(user: User, record: dict[str, Any], status: str) -> None:
    async def is_there() -> bool:
        return await status_of(user, record) == status

    await until(is_there, f"it is {status}")


async def until_empty(bucket: Bucket) -> None:
    async def is_empty() -> bool:
        return await asyncio.to_thread(bucket.told) == 0

    await until(is_empty, "the queue is empty")


async def test_the_stores_own_event_completes_a_file(service: Running, bucket: Bucket) -> None:
    user = User(service.api)
    async with consuming(service, bucket.settings) as (_, counts):
        record = await user.upload()
        await until_status(user, record, "completed")
        await until_empty(bucket)
    assert counts == {"done": 1}
    events = (await user.call("GET", f"/files/{record['id']}/events")).json()["items"]
    assert [(event["actor"], event["to"]) for event in events[1:]] == [
        ("storage-event", "uploaded"),
        ("storage-event", "completed"),
    ]


async def test_many_by_several_receivers(service: Running, bucket: Bucket) -> None:
    user = User(service.api)
    records = await asyncio.gather(*(user.upload() for _ in range(60)))
    async with consuming(service, bucket.settings) as (_, counts):
        await until_empty(bucket)
    assert {await status_of(user, record) for record in records} == {"completed"}
    assert counts["done"] >= 60


async def test_envelopes_of_every_kind_may_be_in_the_queue(
    service: Running, bucket: Bucket
) -> None:
    user = User(service.api)
    records = [await user.ask() for _ in range(3)]
    body = event_bridge_body(records[0]["key"], bucket.name)
    for message in (body, sns_envelope(body), sns_envelope(s3_body("x", bucket=bucket.name))):
        await asyncio.to_thread(bucket.tell, json.dumps(message))
    async with consuming(service, bucket.settings) as (_, counts):
        await until_empty(bucket)
    assert counts == {"done": 3}


async def test_what_is_deleted_is_committed(service: Running, bucket: Bucket) -> None:
    """A consumer that dies between the move and the deletion: the message comes again."""
    user = User(service.api)
    record = await user.upload()
    verified = asyncio.Event()

    async def dies(body: str) -> None:
        await service.container.storage_events.receive(read_json(body))
        verified.set()
        await asyncio.sleep(60)

    queue = SqsQueue(bucket.settings, visibility=BRIEF, threads=8)
    doomed = EventConsumer(queue, take=dies, park=None, on_messages=None, on_error=None)  # type: ignore[arg-type]
    dying = asyncio.create_task(doomed.run())
    await asyncio.wait_for(verified.wait(), 60)
    for task in [dying, *(t for t in asyncio.all_tasks() if "_receive_on" in repr(t.get_coro()))]:
        task.cancel()
    await asyncio.wait({dying})
    queue.close()
    assert await asyncio.to_thread(bucket.told) == 1
    async with consuming(service, bucket.settings) as (_, counts):
        await until_empty(bucket)
    assert counts == {"done": 1}
    assert await status_of(user, record) == "completed"
    assert len(await user.trail(record)) == 3


async def test_a_message_stays_hidden_while_it_is_dealt_with(
    service: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden again every two seconds, it has not come to anybody else after six."""
    monkeypatch.setattr(module, "VISIBILITY", 6)
    taken, let_go, hidden_again = Counter[str](), asyncio.Event(), 0
    hide = SqsQueue.hide

    async def counting(queue: SqsQueue, messages: Mapping[QueuedMessage, int]) -> None:
        nonlocal hidden_again
        await hide(queue, messages)
        hidden_again += bool(messages)

    monkeypatch.setattr(SqsQueue, "hide", counting)

    async def slow(body: str) -> None:
        taken.update([body])
        await let_go.wait()

    await asyncio.to_thread(bucket.tell, "slow")

    async def often_enough() -> bool:
        return hidden_again >= 4

    async with consuming(service, bucket.settings, take=slow, visibility=6):
        await until(often_enough, "it is hidden four times")
        let_go.set()
        await until_empty(bucket)
    assert taken == {"slow": 1}


async def test_a_store_that_is_down_loses_nothing(
    service: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User(service.api)
    record = await user.upload()
    store = service.container.storage_events._completion._store
    honest, heads = store.head, 0

    async def down_twice(key: str) -> Any:
        nonlocal heads
        heads += 1
        if heads <= 2:
            raise StorageUnavailable("down")
        return await honest(key)

    monkeypatch.setattr(store, "head", down_twice)
    async with consuming(service, bucket.settings) as (_, counts):
        await until_status(user, record, "completed")
        await until_empty(bucket)
    assert counts == {"postponed": 2, "done": 1}


@pytest.mark.parametrize("body", ["hello", "{}", '{"Records": [{}]}', "[" * 5000])
async def test_poison_is_parked_where_there_are_no_dead_letters(
    service: Running, bucket: Bucket, body: str
) -> None:
    await asyncio.to_thread(bucket.tell, body)
    with capture_logs() as lines:
        async with consuming(service, bucket.settings) as (_, counts):
            await until_empty(bucket)
    assert counts == {"parked": 1}
    assert "event_parked" in [line["event"] for line in lines]
    parked = await service.container.parked_events.page(limit=100)
    assert parked[-1].body == body
    assert parked[-1].reason
    await service.container.parked_events.drop([event.id for event in parked])


async def test_what_postgresql_cannot_hold_is_parked_all_the_same(service: Running) -> None:
    parked = service.container.parked_events
    await parked.park("odd", "a\x00b\ud800c", "for a test")
    [event] = await parked.page(limit=1)
    assert event.body == "a?b?c"
    await parked.drop([event.id])


async def test_poison_goes_to_the_dead_letters_where_there_are_any(
    service: Running, new_bucket: Callable[..., Bucket], bucket: Bucket
) -> None:
    sqs = bucket.aws.root("sqs")
    asked = sqs.get_queue_attributes(QueueUrl=bucket.queue_url, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": asked["Attributes"]["QueueArn"], "maxReceiveCount": "3"}
    other = await asyncio.to_thread(new_bucket, RedrivePolicy=json.dumps(redrive))
    await asyncio.to_thread(other.tell, "hello")
    async with consuming(service, other.settings) as (_, counts):
        await until_empty(other)
    assert counts == {"redriven": 3}
    assert await asyncio.to_thread(bucket.told) == 1
    assert await service.container.parked_events.page(limit=1) == []


async def test_what_fails_for_ever_is_parked_in_the_end(
    service: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RECEIVES", 2)

    async def broken(body: str) -> None:
        raise ZeroDivisionError

    await asyncio.to_thread(bucket.tell, "{}")
    async with consuming(service, bucket.settings, take=broken) as (_, counts):
        await until_empty(bucket)
    assert counts == {"postponed": 1, "parked": 1}
    [parked] = await service.container.parked_events.page(limit=10)
    assert parked.reason == "ZeroDivisionError"
    await service.container.parked_events.drop([parked.id])


async def test_a_queue_that_is_down_is_asked_again(service: Running, bucket: Bucket) -> None:
    port = int(bucket.aws.endpoint_url.rpartition(":")[2])
    user = User(service.api)
    async with Cable(lambda: asyncio.open_connection("127.0.0.1", port)) as cable:
        await cable.cut()
        url = bucket.queue_url.replace(str(port), str(cable.port))
        cabled = bucket.settings.model_copy(update={"s3_events_queue_url": url})
        with capture_logs() as lines:
            async with consuming(service, cabled) as (consumer, counts):
                await until(lambda: _has(counts, "errors"), "it fails")
                with pytest.raises(NotReady, match="S3_EVENTS_QUEUE_URL"):
                    await consumer.ping()
                await cable.mend()
                record = await user.upload()
                await until_status(user, record, "completed")
                await consumer.ping()
                await until_empty(bucket)
    told = [line["event"] for line in lines if line["event"].startswith("event_queue")]
    assert told[:2] == ["event_queue_unavailable", "event_queue_answers_again"]


async def _has(counts: Counter[str], name: str) -> bool:
    return counts[name] > 0


async def test_without_rights_it_says_so(service: Running, bucket: Bucket) -> None:
    wrong = bucket.settings.model_copy(
        update={"s3_events_queue_url": f"{bucket.queue_url}-of-others"}
    )
    async with consuming(service, wrong) as (consumer, counts):
        await until(lambda: _has(counts, "errors"), "it fails")
        with pytest.raises(NotReady):
            await consumer.ping()


async def test_the_end_waits_for_what_is_under_way(service: Running, bucket: Bucket) -> None:
    begun, let_go, ended = asyncio.Event(), asyncio.Event(), False

    async def slow(body: str) -> None:
        nonlocal ended
        begun.set()
        await let_go.wait()
        ended = True

    await asyncio.to_thread(bucket.tell, "slow")
    async with consuming(service, bucket.settings, take=slow) as (consumer, counts):
        await begun.wait()
        consumer.stop()
        let_go.set()
    assert ended
    assert counts == {"done": 1}
    assert await asyncio.to_thread(bucket.told) == 0
