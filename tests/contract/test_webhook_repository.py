"""What every WebhookRepository does, the in-memory twin and PostgreSQL alike."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import uuid_utils.compat

from app.database.config import Database
from app.domain.event import deleted, user
from app.domain.file import FileRecord, FileStatus
from app.domain.removal import as_deleted
from app.domain.transition import moved
from app.domain.webhook import (
    TEST,
    Claim,
    Delivery,
    DeliveryStatus,
    Outgoing,
    Webhook,
    disabled,
    rotated,
)
from app.domain.webhook_ports import WebhookRepository
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.webhook_repository import PostgresWebhookRepository
from tests.fakes.webhook_repository import InMemoryWebhookRepository
from tests.support.records import NOON, a_creation, a_record

MOMENT = timedelta(microseconds=1)
UPLOADED, COMPLETED = FileStatus.UPLOADED, FileStatus.COMPLETED


@dataclass
class Setup:
    """A repository, and what moves a file as the service does."""

    webhooks: WebhookRepository
    end: Callable[[FileRecord, tuple[FileStatus, ...]], Awaitable[None]]
    delete: Callable[[FileRecord], Awaitable[None]]
    delete_moved: Callable[[FileRecord, FileStatus], Awaitable[None]]
    """The same of one that `end` has moved to that status before."""


@pytest.fixture(params=["in_memory", "in_postgresql"])
def setup(request: pytest.FixtureRequest) -> Setup:
    setup: Setup = request.getfixturevalue(request.param)
    return setup


@pytest_asyncio.fixture
async def in_postgresql(database: Database, repository: FileStorageRepository) -> Setup:
    files = repository
    await database.ask(lambda c: c.execute("TRUNCATE webhooks, webhook_deliveries"))

    async def end(record: FileRecord, path: tuple[FileStatus, ...]) -> None:
        await files.insert(record, a_creation(record))
        after, events = moved(record, path, user(record.owner), NOON, "because")
        assert await files.move(record, after, events)

    async def delete(record: FileRecord) -> None:
        await files.insert(record, a_creation(record))
        assert await files.move(record, as_deleted(record, NOON), [deleted("worker", NOON)])

    async def delete_moved(record: FileRecord, status: FileStatus) -> None:
        before = dataclasses.replace(record, status=status)
        assert await files.move(before, as_deleted(before, NOON), [deleted("worker", NOON)])

    return Setup(PostgresWebhookRepository(database), end, delete, delete_moved)


@pytest.fixture
def in_memory() -> Setup:
    webhooks = InMemoryWebhookRepository()

    def told(record: FileRecord, status: str, before: str | None, actor: str) -> dict[str, Any]:
        facts = ("key", "owner", "filename", "type", "file_size", "size_is_limit")
        facts += ("policy", "metadata")
        return {
            **{name: getattr(record, name) for name in facts},
            "id": str(record.id),
            "status": status,
            "from": before,
            "actor": actor,
            "status_reason": None if status == "deleted" else "because",
            "etag": None,
        }

    async def end(record: FileRecord, path: tuple[FileStatus, ...]) -> None:
        before: str = record.status
        for status in path:
            data = told(record, status, before, user(record.owner))
            webhooks.offer(record.owner, f"file.{status}", NOON, data)
            before = status

    async def delete(record: FileRecord) -> None:
        data = told(record, "deleted", None, "worker")
        webhooks.offer(record.owner, "file.deleted", NOON, data)

    async def delete_moved(record: FileRecord, status: FileStatus) -> None:
        await delete(record)

    return Setup(webhooks, end, delete, delete_moved)


@pytest.fixture
def owner() -> str:
    return f"owner-{uuid_utils.compat.uuid7()}"


def a_webhook(owner: str | None, **changes: Any) -> Webhook:
    values: dict[str, Any] = {
        "id": uuid_utils.compat.uuid7(),
        "owner": owner,
        "url": "https://example.com/hook",
        "secret": "whsec_b25l",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Webhook(**(values | changes))


async def added(setup: Setup, owner: str | None, **changes: Any) -> Webhook:
    webhook = a_webhook(owner, **changes)
    assert await setup.webhooks.add(webhook, most=10)
    return webhook


async def sent_to(setup: Setup, webhook: Webhook) -> list[Delivery]:
    """Oldest first."""
    return (await setup.webhooks.deliveries(webhook.id, before=None, limit=100))[::-1]


LAPSE = timedelta(seconds=30)


async def claimed(
    setup: Setup,
    now: datetime = NOON,
    *,
    most: int = 100,
    most_each: int = 100,
    under_way: Mapping[UUID, int] | None = None,
) -> list[Outgoing]:
    """In the order of their ids."""
    claim = Claim(now, now + LAPSE, most, most_each, under_way or {})
    return sorted(await setup.webhooks.claim(claim), key=lambda o: o.delivery.id)


async def claimed_ids(setup: Setup, now: datetime = NOON, **limits: Any) -> list[int]:
    return [outgoing.delivery.id for outgoing in await claimed(setup, now, **limits)]


def ended(delivery: Delivery, status: DeliveryStatus = DeliveryStatus.DELIVERED) -> Delivery:
    return dataclasses.replace(delivery, status=status, attempts=1, attempted_at=NOON)


def put_off(delivery: Delivery, until: datetime) -> Delivery:
    return dataclasses.replace(delivery, attempts=1, attempted_at=NOON, next_attempt_at=until)


async def test_a_webhook_comes_back_as_it_was(setup: Setup, owner: str) -> None:
    first = await added(setup, owner, events=frozenset({"file.failed", "file.deleted"}))
    full = rotated(disabled(a_webhook(owner, failing_since=NOON), NOON, "It fails."), "s", NOON)
    await setup.webhooks.add(full, most=10)

    assert await setup.webhooks.find(owner, first.id, service_wide=False) == first
    assert await setup.webhooks.all(owner, service_wide=False) == [first, full]


async def test_nobody_else_finds_it(setup: Setup, owner: str) -> None:
    own, everybodys = await added(setup, owner), await added(setup, None)

    assert await setup.webhooks.find("mallory", own.id, service_wide=True) is None
    assert await setup.webhooks.all("mallory", service_wide=False) == []
    assert await setup.webhooks.find(owner, everybodys.id, service_wide=False) is None
    assert await setup.webhooks.all(owner, service_wide=True) == [own, everybodys]


async def test_operators_find_anybodys(setup: Setup, owner: str) -> None:
    for webhook in (await added(setup, owner), await added(setup, None)):
        assert await setup.webhooks.load(webhook.id) == webhook
    assert await setup.webhooks.load(uuid_utils.compat.uuid7()) is None


async def test_each_owner_may_have_so_many(setup: Setup, owner: str) -> None:
    for owned_by in (owner, None):
        results = await asyncio.gather(
            *(setup.webhooks.add(a_webhook(owned_by), most=3) for _ in range(6))
        )
        assert sum(results) == 3
    assert await setup.webhooks.add(a_webhook("somebody else"), most=3)


async def test_of_two_changes_one_is_refused(setup: Setup, owner: str) -> None:
    before = await added(setup, owner)
    after = rotated(before, "whsec_dHdv", NOON)

    assert await setup.webhooks.replace(before, after)
    assert not await setup.webhooks.replace(before, disabled(before, NOON, "late"))
    assert await setup.webhooks.find(owner, before.id, service_wide=False) == after


async def test_a_removed_one_is_gone_with_what_was_on_its_way(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    await setup.webhooks.offer_test(webhook.id, NOON)

    assert await setup.webhooks.remove(webhook.id)
    assert not await setup.webhooks.remove(webhook.id)
    assert await setup.webhooks.find(owner, webhook.id, service_wide=False) is None
    assert await claimed(setup) == []
    assert await sent_to(setup, webhook) == []
    assert not await setup.webhooks.replace(webhook, rotated(webhook, "s", NOON))


async def test_each_move_is_sent_in_order(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    record = a_record(owner=owner, metadata={"album": "ünïcode"})
    await setup.end(record, (UPLOADED, COMPLETED))

    first, second = await sent_to(setup, webhook)
    assert [first.event, second.event] == ["file.uploaded", "file.completed"]
    assert first.message_id != second.message_id
    assert first.status is DeliveryStatus.PENDING
    assert (first.file_id, first.attempts, first.created_at) == (record.id, 0, NOON)


async def test_what_is_sent_tells_of_the_event_and_its_file(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    record = a_record(owner=owner, metadata={"album": "ünïcode"})
    await setup.end(record, (UPLOADED,))
    [delivery] = await sent_to(setup, webhook)

    [outgoing] = await claimed(setup)
    assert (outgoing.delivery, outgoing.webhook, outgoing.at) == (delivery, webhook, NOON)
    assert outgoing.data == {
        "id": str(record.id),
        "key": record.key,
        "status": "uploaded",
        "from": "pending",
        "status_reason": "because",
        "owner": owner,
        "actor": f"user:{owner}",
        "filename": "hello.txt",
        "type": "text/plain",
        "file_size": 5,
        "size_is_limit": False,
        "policy": "default",
        "metadata": {"album": "ünïcode"},
        "etag": None,
    }


async def test_what_an_operator_has_removed_keeps_nothing_else_back(
    in_postgresql: Setup, database: Database, owner: str
) -> None:
    await added(in_postgresql, owner)
    for _ in range(2):
        await in_postgresql.end(a_record(owner=owner), (UPLOADED,))
    await database.ask(
        lambda c: c.execute(
            "DELETE FROM file_events WHERE id = (SELECT min(event_id) FROM webhook_deliveries)"
        )
    )

    first, second = await claimed(in_postgresql)
    assert first.data is None
    assert second.data is not None


async def test_a_deletion_is_told(setup: Setup, owner: str) -> None:
    await added(setup, owner)
    await setup.delete(a_record(owner=owner))

    [outgoing] = await claimed(setup)
    assert outgoing.delivery.event == "file.deleted"
    assert (outgoing.data["status"], outgoing.data["from"]) == ("deleted", None)


async def test_only_those_who_want_it_are_told(setup: Setup, owner: str) -> None:
    everything = await added(setup, owner)
    everybodys = await added(setup, None)
    choosy = await added(setup, owner, events=frozenset({"file.completed"}))
    off = await added(setup, owner, disabled_at=NOON, disabled_reason="Paused.")
    strangers = await added(setup, "mallory")
    await setup.end(a_record(owner=owner), (UPLOADED, COMPLETED))

    counts = [len(await sent_to(setup, w)) for w in (everything, everybodys, choosy)]
    assert counts == [2, 2, 1]
    assert [d.event for d in await sent_to(setup, choosy)] == ["file.completed"]
    assert [len(await sent_to(setup, w)) for w in (off, strangers)] == [0, 0]


async def test_without_webhooks_nothing_is_sent(setup: Setup, owner: str) -> None:
    await setup.end(a_record(owner=owner), (UPLOADED,))

    assert await claimed(setup) == []


async def test_a_test_tells_of_no_file(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    delivery = await setup.webhooks.offer_test(webhook.id, NOON)

    [outgoing] = await claimed(setup)
    assert outgoing.delivery == delivery
    assert (delivery.event, delivery.file_id) == (TEST, None)
    assert (outgoing.at, outgoing.data) == (NOON, {})


async def test_what_is_claimed_is_one_workers_alone_until_the_claim_lapses(
    setup: Setup, owner: str
) -> None:
    webhook = await added(setup, owner)
    made = [(await setup.webhooks.offer_test(webhook.id, NOON)).id for _ in range(30)]
    batches = await asyncio.gather(*(claimed_ids(setup, most=10) for _ in range(5)))

    assert sorted(number for batch in batches for number in batch) == made
    assert await claimed_ids(setup, NOON + LAPSE - MOMENT) == []
    assert await claimed_ids(setup, NOON + LAPSE) == made


async def test_the_next_of_a_file_waits_until_the_one_before_has_ended(
    setup: Setup, owner: str
) -> None:
    webhook = await added(setup, owner)
    await setup.end(a_record(owner=owner), (UPLOADED, COMPLETED))
    first, second = await sent_to(setup, webhook)
    later = NOON + timedelta(hours=1)

    assert await claimed_ids(setup) == [first.id]
    assert await claimed_ids(setup) == []
    await setup.webhooks.note([put_off(first, later)])
    assert await claimed_ids(setup, later - MOMENT) == []
    assert await claimed_ids(setup, later) == [first.id]
    await setup.webhooks.note([ended(first, DeliveryStatus.FAILED)])
    assert await claimed_ids(setup) == [second.id]


async def test_what_waits_behind_another_is_due_with_it(setup: Setup, owner: str) -> None:
    """No claim goes past it meanwhile, however much there is of it."""
    webhook = await added(setup, owner)
    record = a_record(owner=owner)
    await setup.end(record, (UPLOADED, COMPLETED))
    first, second = await sent_to(setup, webhook)
    soon, later = NOON + timedelta(minutes=5), NOON + timedelta(hours=1)
    for until in (soon, later):
        assert await claimed_ids(setup, soon) == [first.id]
        await setup.webhooks.note([put_off(first, until)])
        assert [d.next_attempt_at for d in await sent_to(setup, webhook)] == [until, until]

    await setup.webhooks.note([ended(first)])
    assert (await sent_to(setup, webhook))[1] == second
    assert await claimed_ids(setup) == [second.id]


async def test_what_comes_behind_one_that_waits_is_due_with_it(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    record = a_record(owner=owner)
    await setup.end(record, (UPLOADED,))
    [first] = await claimed(setup)
    await setup.webhooks.note([put_off(first.delivery, NOON + timedelta(hours=1))])
    await setup.delete_moved(record, UPLOADED)

    _, second = await sent_to(setup, webhook)
    assert second.next_attempt_at == NOON + timedelta(hours=1)
    await setup.webhooks.replay(webhook.id, first.delivery.message_id)
    await setup.webhooks.note([ended(first.delivery)])
    assert await claimed_ids(setup) == [second.id]


async def test_what_comes_behind_one_that_is_under_way_is_due_at_once(
    setup: Setup, owner: str
) -> None:
    webhook = await added(setup, owner)
    record = a_record(owner=owner)
    await setup.end(record, (UPLOADED,))
    [first] = await claimed(setup)
    await setup.delete_moved(record, UPLOADED)
    await setup.webhooks.note([ended(first.delivery)])

    _, second = await sent_to(setup, webhook)
    assert await claimed_ids(setup) == [second.id]


async def test_other_files_and_other_webhooks_do_not_wait(setup: Setup, owner: str) -> None:
    one, another = await added(setup, owner), await added(setup, owner)
    await setup.end(a_record(owner=owner), (UPLOADED, COMPLETED))
    await setup.end(a_record(owner=owner), (UPLOADED,))
    [of_one, _, of_other_file] = await sent_to(setup, one)
    [of_another, _, its_other_file] = await sent_to(setup, another)

    heads = {of_one.id, of_other_file.id, of_another.id, its_other_file.id}
    assert set(await claimed_ids(setup)) == heads


async def test_what_is_noted_as_it_was_is_due_at_once(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    delivery = await setup.webhooks.offer_test(webhook.id, NOON)
    assert await claimed_ids(setup) == [delivery.id]
    await setup.webhooks.note([delivery])

    assert await claimed_ids(setup) == [delivery.id]


async def test_each_webhook_gets_its_share_and_a_failing_one_the_least(
    setup: Setup, owner: str
) -> None:
    many = await added(setup, owner)
    failing = await added(setup, owner, failing_since=NOON)
    few = await added(setup, owner)
    for webhook, count in ((many, 9), (failing, 9), (few, 1)):
        for _ in range(count):
            await setup.webhooks.offer_test(webhook.id, NOON)

    first = Counter([o.webhook.id for o in await claimed(setup, most_each=5)])
    assert first == {many.id: 5, failing.id: 1, few.id: 1}
    under_way = {many.id: 4, failing.id: 1}
    second = Counter([o.webhook.id for o in await claimed(setup, most_each=5, under_way=under_way)])
    assert second == {many.id: 1}
    assert await claimed(setup, most_each=5, under_way={many.id: 9, failing.id: 1}) == []


async def test_what_waits_for_a_disabled_one_is_claimed_as_for_others(
    setup: Setup, owner: str
) -> None:
    """It is not sent, only given up."""
    off = await added(setup, owner, failing_since=NOON, disabled_at=NOON, disabled_reason="Gone.")
    made = [(await setup.webhooks.offer_test(off.id, NOON)).id for _ in range(3)]

    assert await claimed_ids(setup) == made


async def test_who_has_less_under_way_comes_first(setup: Setup, owner: str) -> None:
    busy, idle = await added(setup, owner), await added(setup, owner)
    for webhook in (busy, busy, idle):
        await setup.webhooks.offer_test(webhook.id, NOON)

    [outgoing] = await claimed(setup, most=1, under_way={busy.id: 1})
    assert outgoing.webhook == idle


async def test_what_became_of_an_attempt_is_kept(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    delivery = await setup.webhooks.offer_test(webhook.id, NOON)
    after = dataclasses.replace(
        delivery,
        attempts=3,
        attempted_at=NOON,
        next_attempt_at=NOON + timedelta(minutes=5),
        response_status=503,
        error="The endpoint answered 503.",
    )
    await setup.webhooks.note([after])

    assert await sent_to(setup, webhook) == [after]


async def test_a_late_word_of_a_stalled_worker_changes_nothing(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    delivery = await setup.webhooks.offer_test(webhook.id, NOON)
    arrived = dataclasses.replace(delivery, status=DeliveryStatus.DELIVERED, attempts=2)
    await setup.webhooks.note([arrived])
    await setup.webhooks.note([dataclasses.replace(delivery, attempts=1, error="no answer")])

    assert await sent_to(setup, webhook) == [arrived]


async def test_deliveries_come_in_pages(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    made = [await setup.webhooks.offer_test(webhook.id, NOON) for _ in range(5)]

    first = await setup.webhooks.deliveries(webhook.id, before=None, limit=3)
    second = await setup.webhooks.deliveries(webhook.id, before=first[-1].id, limit=3)
    assert [*first, *second] == made[::-1]


async def test_a_replay_is_the_same_message_from_its_first_attempt(
    setup: Setup, owner: str
) -> None:
    webhook = await added(setup, owner)
    delivery = await setup.webhooks.offer_test(webhook.id, NOON)
    await setup.webhooks.note([ended(delivery, DeliveryStatus.FAILED)])
    assert await claimed(setup) == []

    again = await setup.webhooks.replay(webhook.id, delivery.message_id)
    assert again is not None
    assert (again.message_id, again.status) == (delivery.message_id, DeliveryStatus.PENDING)
    assert (again.attempts, again.next_attempt_at) == (0, None)
    assert await claimed_ids(setup) == [delivery.id]


async def test_a_replay_hurries_what_waits_and_what_it_waits_behind(
    setup: Setup, owner: str
) -> None:
    webhook = await added(setup, owner)
    await setup.end(a_record(owner=owner), (UPLOADED, COMPLETED))
    first, second = await sent_to(setup, webhook)
    assert await claimed_ids(setup) == [first.id]
    await setup.webhooks.note([put_off(first, NOON + timedelta(hours=1))])

    await setup.webhooks.replay(webhook.id, second.message_id)
    assert await claimed_ids(setup) == [first.id]
    await setup.webhooks.note([ended(first)])
    assert await claimed_ids(setup) == [second.id]


async def test_a_replay_sends_nothing_besides_what_is_under_way(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    await setup.end(a_record(owner=owner), (UPLOADED, COMPLETED))
    first, second = await sent_to(setup, webhook)
    await setup.webhooks.note([put_off(first, NOON)])
    assert await claimed_ids(setup) == [first.id]

    for delivery in (first, second):
        await setup.webhooks.replay(webhook.id, delivery.message_id)
        assert await claimed_ids(setup) == []


async def test_only_its_own_webhook_replays_a_delivery(setup: Setup, owner: str) -> None:
    webhook, another = await added(setup, owner), await added(setup, owner)
    delivery = await setup.webhooks.offer_test(webhook.id, NOON)

    assert await setup.webhooks.replay(another.id, delivery.message_id) is None
    assert await setup.webhooks.replay(webhook.id, uuid_utils.compat.uuid4()) is None


async def test_old_deliveries_are_forgotten_in_batches(setup: Setup, owner: str) -> None:
    webhook = await added(setup, owner)
    for _ in range(3):
        await setup.webhooks.offer_test(webhook.id, NOON - timedelta(days=1))
    new = await setup.webhooks.offer_test(webhook.id, NOON)

    assert [await setup.webhooks.forget(NOON, limit=2) for _ in range(3)] == [2, 1, 0]
    assert await sent_to(setup, webhook) == [new]
