"""Webhooks over HTTP and through the worker, to receivers that verify what arrives."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import uuid_utils.compat
from structlog.testing import capture_logs

from app.container import Container
from app.settings import Settings
from app.worker.process import open_deliverer
from tests.support.databases import execute
from tests.support.receiver import Receiver, endless, receiving, silence, status
from tests.support.service import Running, User, running
from tests.support.uppy import Uppy5, send_form
from tests.support.workers import until

NOBODY = uuid_utils.compat.uuid7()


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allowed_networks": ("127.0.0.0/8",)})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(settings: Settings) -> AsyncIterator[Running]:
    async with running(settings) as service:
        yield service


@pytest.fixture(autouse=True)
def _no_attempt_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed waits until a test hurries it."""
    monkeypatch.setattr("app.domain.webhook.WAITS", (timedelta(hours=1),) * 9)


@pytest.fixture
def user(service: Running) -> User:
    return User(service.api)


@pytest.fixture
def other(service: Running) -> User:
    return User(service.api)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@asynccontextmanager
async def delivering(settings: Settings, container: Container) -> AsyncIterator[None]:
    """A worker for webhooks in this process."""
    deliverer = open_deliverer(settings, container)
    task = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        deliverer.stop()
        async with asyncio.timeout(60):
            await task


@pytest_asyncio.fixture
async def worker(settings: Settings, service: Running) -> AsyncIterator[None]:
    async with delivering(settings, service.container):
        yield


async def created(user: User, url: str, *, scope: str | None = None, **body: Any) -> dict[str, Any]:
    answer = await user.call("POST", "/webhooks", scope=scope, json={"url": url, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def deliveries(user: User, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    """Newest first."""
    answer = await user.call("GET", f"/webhooks/{webhook['id']}/deliveries")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def settled(user: User, webhook: dict[str, Any], *statuses: str) -> list[dict[str, Any]]:
    """Its deliveries once they are in these states, oldest first."""

    async def reached() -> bool:
        return [d["status"] for d in (await deliveries(user, webhook))[::-1]] == list(statuses)

    await until(reached, f"deliveries are {statuses}")
    return (await deliveries(user, webhook))[::-1]


async def attempted(user: User, webhook: dict[str, Any], count: int = 1) -> dict[str, Any]:
    """Its newest delivery, once it has been tried that often."""

    async def reached() -> bool:
        found = await deliveries(user, webhook)
        return bool(found) and found[0]["attempts"] == count

    await until(reached, f"{count} attempts")
    return (await deliveries(user, webhook))[0]


async def hurry(settings: Settings) -> None:
    """Make what waits for its next attempt due."""
    assert settings.database_url
    await execute(
        settings.database_url.get_secret_value(),
        "UPDATE webhook_deliveries SET due_at = '-infinity'"
        " WHERE status = 'pending' AND due_at = next_attempt_at",
    )


async def test_a_created_webhook_shows_its_secret_once(user: User) -> None:
    webhook = await created(user, "https://example.com/hook", events=["file.completed"])
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    del webhook["previous_until"]

    one = await user.call("GET", f"/webhooks/{webhook['id']}")
    many = await user.call("GET", "/webhooks")
    assert one.json() == webhook
    assert many.json() == {"items": [webhook]}
    assert (webhook["events"], webhook["enabled"]) == (["file.completed"], True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://example.com/"},
        {"url": "https://169.254.169.254/"},
        {"url": "https://user:secret@example.com/"},
        {"url": "https://example.com", "events": []},
        {"url": "https://example.com", "events": ["file.created"]},
        {"url": "https://example.com", "events": ["file.failed", "file.failed"]},
        {"url": "https://example.com", "service_wide": "yes"},
        {"url": "https://example.com", "secret": "whsec_mine"},
    ],
)
async def test_what_cannot_be_a_webhook_is_refused(user: User, body: dict[str, Any]) -> None:
    answer = await user.call("POST", "/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "secret@" not in answer.text


async def test_each_owner_may_have_ten(user: User) -> None:
    for _ in range(10):
        await created(user, "https://example.com/hook")
    answer = await user.call("POST", "/webhooks", json={"url": "https://example.com/hook"})
    assert (answer.status_code, answer.json()["code"]) == (413, "quota_exceeded")


CALLS = [
    ("GET", "", None),
    ("PATCH", "", {"enabled": False}),
    ("DELETE", "", None),
    ("POST", "/rotate-secret", None),
    ("POST", "/test", None),
    ("GET", "/deliveries", None),
    ("POST", "/deliveries/msg_" + "0" * 32 + "/replay", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_nobody_else_finds_a_webhook(
    user: User, other: User, method: str, path: str, body: Any
) -> None:
    webhook = await created(user, "https://example.com/hook")
    url = f"/webhooks/{webhook['id']}{path}"

    for caller, scope in ((other, None), (other, "files:write admin"), (user, "admin")):
        answer = await caller.call(method, url, scope=scope, json=body)
        missing = await caller.call(method, f"/webhooks/{NOBODY}{path}", scope=scope, json=body)
        assert answer.status_code == missing.status_code == 404
        assert answer.json()["detail"] == missing.json()["detail"]
    kept = await user.call("GET", f"/webhooks/{webhook['id']}")
    assert kept.json()["updated_at"] == webhook["updated_at"]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_reading_is_not_enough(user: User, method: str, path: str, body: Any) -> None:
    url = f"/webhooks/{NOBODY}{path}"
    answer = await user.call(method, url, scope="files:read files:process", json=body)
    assert answer.status_code == 403


async def test_service_wide_ones_are_the_administrators(user: User, other: User) -> None:
    body = {"url": "https://example.com/all", "service_wide": True}
    refused = await user.call("POST", "/webhooks", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")

    webhook = await created(user, **body, scope="admin")
    try:
        url = f"/webhooks/{webhook['id']}"
        assert (await user.call("GET", url)).status_code == 404
        assert (await other.call("GET", url, scope="admin")).json()["service_wide"]
        listed = (await other.call("GET", "/webhooks", scope="admin")).json()["items"]
        assert webhook["id"] in [item["id"] for item in listed]
    finally:
        gone = await other.call("DELETE", url, scope="admin")
    assert gone.status_code == 204


async def test_own_ones_need_the_scope_to_write(user: User) -> None:
    body = {"url": "https://example.com/hook"}
    answer = await user.call("POST", "/webhooks", scope="admin", json=body)
    assert answer.status_code == 403


async def test_a_change_changes_what_it_names(user: User) -> None:
    webhook = await created(user, "https://example.com/hook", events=["file.failed"])
    url = f"/webhooks/{webhook['id']}"

    changed = (await user.call("PATCH", url, json={"url": "https://example.org/"})).json()
    assert (changed["url"], changed["events"]) == ("https://example.org/", ["file.failed"])
    changed = (await user.call("PATCH", url, json={"events": None})).json()
    assert (changed["url"], changed["events"]) == ("https://example.org/", None)
    changed = (await user.call("PATCH", url, json={"enabled": False})).json()
    assert (changed["enabled"], changed["disabled_reason"]) == (False, "Paused by a call.")
    changed = (await user.call("PATCH", url, json={"enabled": True})).json()
    assert (changed["enabled"], changed["disabled_reason"]) == (True, None)


@pytest.mark.parametrize("body", [{}, {"url": "https://127.0.0.1:22/"}, {"secret": "mine"}])
async def test_a_change_must_be_one(user: User, body: dict[str, Any]) -> None:
    webhook = await created(user, "https://example.com/hook")
    answer = await user.call("PATCH", f"/webhooks/{webhook['id']}", json=body)
    assert answer.status_code == 422


async def test_a_removed_one_is_gone(user: User) -> None:
    webhook = await created(user, "https://example.com/hook")
    url = f"/webhooks/{webhook['id']}"
    codes = [(await user.call("DELETE", url)).status_code for _ in range(2)]
    assert codes == [204, 404]


async def test_a_disabled_one_takes_no_test(user: User) -> None:
    webhook = await created(user, "https://example.com/hook")
    url = f"/webhooks/{webhook['id']}"
    await user.call("PATCH", url, json={"enabled": False})
    answer = await user.call("POST", f"{url}/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")


async def test_each_move_arrives_once_in_order_and_verifies(
    user: User, receiver: Receiver, worker: None
) -> None:
    webhook = await created(user, receiver.url())
    record = await user.upload(b"hello", metadata={"album": "ünïcode"})
    await user.move(record, "uploaded")
    await user.move(record, "completed")
    await user.call("DELETE", f"/files/{record['id']}")

    sent = await settled(user, webhook, "delivered", "delivered", "delivered")
    messages = [request.verified(webhook["secret"]) for request in receiver.received]
    assert [m["type"] for m in messages] == ["file.uploaded", "file.completed", "file.deleted"]
    assert [request.id for request in receiver.received] == [d["id"] for d in sent]
    data = messages[1]["data"]
    assert data["id"] == record["id"]
    assert (data["from"], data["status"]) == ("uploaded", "completed")
    assert (data["actor"], data["owner"]) == (f"user:{user.subject}", user.subject)
    assert (data["metadata"], data["file_size"]) == ({"album": "ünïcode"}, 5)
    assert data["etag"]
    assert "url" not in json.dumps(messages)
    assert [(d["attempts"], d["response_status"], d["error"]) for d in sent] == [(1, 204, None)] * 3


async def test_of_an_undeclared_size_is_told_whether_it_is_known(
    user: User, receiver: Receiver, worker: None
) -> None:
    webhook = await created(user, receiver.url())
    page = Uppy5(user.api, "/uppy", user.headers())
    for body, outcome in ((b"hello", "uploaded"), (None, "failed")):
        params = (await page.params("a.txt", "text/plain")).json()
        if body is not None:
            await send_form(params, body)
        change = {"key": params["fields"]["key"], "status": outcome}
        assert (await user.call("PUT", "/file-status", json=change)).status_code == 200

    await settled(user, webhook, "delivered", "delivered")
    told = [request.verified(webhook["secret"])["data"] for request in receiver.received]
    sizes = {data["status"]: (data["file_size"], data["size_is_limit"]) for data in told}
    assert sizes == {"uploaded": (5, False), "failed": (5 * 1024**3, True)}


async def test_others_and_unwanted_events_are_not_told(
    user: User, other: User, receiver: Receiver, worker: None
) -> None:
    choosy = await created(user, receiver.url("/choosy"), events=["file.failed"])
    foreign = await created(other, receiver.url("/foreign"))
    everything = await created(user, receiver.url("/everything"))
    record = await user.upload()
    await user.move(record, "uploaded")

    await settled(user, everything, "delivered")
    assert [request.path for request in receiver.received] == ["/everything"]
    assert await deliveries(user, choosy) == await deliveries(other, foreign) == []


async def test_a_service_wide_one_is_told_of_everybody(
    user: User, other: User, receiver: Receiver, worker: None
) -> None:
    webhook = await created(user, receiver.url(), scope="admin", service_wide=True)
    try:
        await other.move(await other.upload(), "uploaded")
        [request] = await receiver.wait_for(1)
        assert request.verified(webhook["secret"])["data"]["owner"] == other.subject
    finally:
        await user.call("DELETE", f"/webhooks/{webhook['id']}", scope="admin")


async def test_a_failure_is_tried_again_as_the_same_message(
    user: User, receiver: Receiver, worker: None, settings: Settings
) -> None:
    receiver.answers = [status(500), status(302, "Location: https://example.com/")]
    webhook = await created(user, receiver.url())
    await user.move(await user.upload(), "uploaded")

    delivery = await attempted(user, webhook)
    assert (delivery["status"], delivery["response_status"]) == ("pending", 500)
    wait = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.now(UTC)
    assert timedelta(0) < wait < timedelta(hours=1.2)
    await hurry(settings)
    delivery = await attempted(user, webhook, 2)
    assert "redirect" in delivery["error"]
    await hurry(settings)
    await settled(user, webhook, "delivered")

    first, *others = receiver.received
    assert {request.id for request in others} == {first.id}
    assert {request.body for request in others} == {first.body}
    for request in receiver.received:
        request.verified(webhook["secret"])


async def test_later_moves_of_a_file_wait_for_the_earlier(
    user: User, receiver: Receiver, worker: None, settings: Settings
) -> None:
    receiver.answers = [status(500)]
    webhook = await created(user, receiver.url())
    stuck, free = await user.upload(), await user.upload()
    await user.move(stuck, "uploaded")
    await attempted(user, webhook)
    await user.move(stuck, "completed")
    await user.move(free, "uploaded")

    await receiver.wait_for(2)
    await hurry(settings)
    await settled(user, webhook, "delivered", "delivered", "delivered")
    told = [request.verified(webhook["secret"]) for request in receiver.received]
    assert [(m["type"], m["data"]["id"]) for m in told] == [
        ("file.uploaded", stuck["id"]),
        ("file.uploaded", free["id"]),
        ("file.uploaded", stuck["id"]),
        ("file.completed", stuck["id"]),
    ]


async def test_410_disables_at_once_and_visibly(
    user: User, receiver: Receiver, worker: None
) -> None:
    receiver.answers = [status(410)]
    webhook = await created(user, receiver.url())
    url = f"/webhooks/{webhook['id']}"
    with capture_logs() as lines:
        await user.move(record := await user.upload(), "uploaded")
        [delivery] = await settled(user, webhook, "failed")
    assert delivery["response_status"] == 410
    shown = (await user.call("GET", url)).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (
        False,
        "The endpoint answered 410 Gone.",
    )
    [line] = [line for line in lines if line["event"] == "webhook_disabled"]
    assert line["webhook_id"] == webhook["id"]
    metrics = (await user.api.get("/metrics")).text
    assert "slipway_webhooks_disabled_total 0.0" not in metrics

    await user.move(record, "completed")
    assert len(await deliveries(user, webhook)) == 1
    revived = (await user.call("PATCH", url, json={"enabled": True})).json()
    assert (revived["enabled"], revived["failing_since"]) == (True, None)
    again = await user.call("POST", f"{url}/deliveries/{delivery['id']}/replay")
    assert (again.status_code, again.json()["id"]) == (202, delivery["id"])
    await settled(user, webhook, "delivered")
    assert receiver.received[-1].id == delivery["id"]


async def test_three_days_of_failure_disable(
    user: User, receiver: Receiver, worker: None, settings: Settings
) -> None:
    receiver.otherwise = status(500)
    webhook = await created(user, receiver.url())
    await user.move(await user.upload(), "uploaded")
    await attempted(user, webhook)
    assert settings.database_url
    await execute(
        settings.database_url.get_secret_value(),
        f"UPDATE webhooks SET failing_since = now() - interval '3 days 1 s'"
        f" WHERE id = '{webhook['id']}'",
    )
    await hurry(settings)
    await attempted(user, webhook, 2)
    shown = (await user.call("GET", f"/webhooks/{webhook['id']}")).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (
        False,
        "Every attempt has failed for 3 days.",
    )
    await hurry(settings)
    [delivery] = await settled(user, webhook, "failed")
    assert "disabled" in delivery["error"]
    assert len(receiver.received) == 2


async def test_secrets_rotate_without_a_gap(user: User, receiver: Receiver, worker: None) -> None:
    webhook = await created(user, receiver.url())
    url = f"/webhooks/{webhook['id']}"
    rotated = (await user.call("POST", f"{url}/rotate-secret")).json()
    assert rotated["secret"] != webhook["secret"]
    assert rotated["previous_until"]

    await user.call("POST", f"{url}/test")
    [request] = await receiver.wait_for(1)
    for secret in (webhook["secret"], rotated["secret"]):
        assert request.verified(secret)["type"] == "webhook.test"
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    shown = [await user.call("GET", path) for path in (url, "/webhooks", f"{url}/deliveries")]
    assert not any("whsec_" in answer.text for answer in shown)


async def test_a_replay_arrives_again_as_the_same_message(
    user: User, receiver: Receiver, worker: None
) -> None:
    webhook = await created(user, receiver.url())
    await user.move(await user.upload(), "uploaded")
    [delivery] = await settled(user, webhook, "delivered")

    path = f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"
    assert (await user.call("POST", path)).json()["status"] == "pending"
    first, second = await receiver.wait_for(2)
    assert (first.id, first.body) == (second.id, second.body)
    second.verified(webhook["secret"])
    await settled(user, webhook, "delivered")


async def test_a_replay_hurries_what_waits(
    user: User, receiver: Receiver, worker: None, settings: Settings
) -> None:
    receiver.answers = [status(503, "Retry-After: 86400")]
    webhook = await created(user, receiver.url())
    await user.call("POST", f"/webhooks/{webhook['id']}/test")
    delivery = await attempted(user, webhook)
    wait = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.now(UTC)
    assert wait > timedelta(hours=23)

    path = f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"
    assert (await user.call("POST", path)).status_code == 202
    await settled(user, webhook, "delivered")
    assert len(receiver.received) == 2


@pytest.mark.parametrize("name", ["msg_" + "0" * 32, "msg_x", "0" * 32])
async def test_there_is_no_such_delivery(user: User, name: str) -> None:
    webhook = await created(user, "https://example.com/hook")
    answer = await user.call("POST", f"/webhooks/{webhook['id']}/deliveries/{name}/replay")
    assert answer.status_code == (404 if len(name) == 36 else 422)


async def test_deliveries_come_in_pages(user: User) -> None:
    webhook = await created(user, "https://example.invalid/hook")
    url = f"/webhooks/{webhook['id']}"
    made = [(await user.call("POST", f"{url}/test")).json()["id"] for _ in range(5)]

    seen: list[str] = []
    cursor = ""
    while True:
        answer = await user.call("GET", f"{url}/deliveries?limit=2{cursor}")
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]
    await user.call("DELETE", url)


async def test_an_endless_answer_holds_nobody_up(
    user: User, receiver: Receiver, worker: None
) -> None:
    receiver.otherwise = endless
    webhook = await created(user, receiver.url())
    await user.call("POST", f"/webhooks/{webhook['id']}/test")
    [delivery] = await settled(user, webhook, "delivered")
    assert delivery["response_status"] == 200


async def test_an_address_that_turns_private_is_not_reached(
    user: User, receiver: Receiver, worker: None, settings: Settings
) -> None:
    webhook = await created(user, receiver.url())
    assert settings.database_url
    private = f"https://10.255.255.1:{receiver.port}/"
    await execute(
        settings.database_url.get_secret_value(),
        f"UPDATE webhooks SET url = '{private}' WHERE id = '{webhook['id']}'",
    )
    await user.call("POST", f"/webhooks/{webhook['id']}/test")
    delivery = await attempted(user, webhook)
    assert delivery["error"] == "The host name has no public address."
    await user.call("DELETE", f"/webhooks/{webhook['id']}")


async def test_what_a_stopping_worker_interrupts_is_sent_by_the_next(
    user: User,
    receiver: Receiver,
    settings: Settings,
    service: Running,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.worker.webhooks.STOP_TIMEOUT", 0.1)
    arrived = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await silence(writer)

    receiver.answers = [hang]
    webhook = await created(user, receiver.url())
    async with delivering(settings, service.container):
        await user.call("POST", f"/webhooks/{webhook['id']}/test")
        await asyncio.wait_for(arrived.wait(), 60)
    async with delivering(settings, service.container):
        [delivery] = await settled(user, webhook, "delivered")
    assert delivery["attempts"] == 1
    assert [request.id for request in receiver.received] == [delivery["id"]] * 2


async def test_an_endpoint_that_is_silent_holds_up_no_other(
    user: User,
    receiver: Receiver,
    settings: Settings,
    service: Running,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.worker.webhooks.STOP_TIMEOUT", 0.1)
    few = settings.model_copy(update={"webhook_concurrency": 10})
    async with receiving() as silent:
        silent.otherwise = silence
        dead = await created(user, silent.url())
        for _ in range(100):  # as long as they took all ten at once: 150 seconds
            await user.call("POST", f"/webhooks/{dead['id']}/test")
        async with delivering(few, service.container):
            await silent.wait_for(1)
            alive = await created(user, receiver.url())
            await user.call("POST", f"/webhooks/{alive['id']}/test")
            await settled(user, alive, "delivered")
        # Beyond the one that is its share, only as many as have failed meanwhile.
        failed = sum(d["attempts"] for d in await deliveries(user, dead))
        assert len(silent.received) <= 1 + failed
    await user.call("DELETE", f"/webhooks/{dead['id']}")


async def test_old_deliveries_are_forgotten(
    user: User, settings: Settings, service: Running
) -> None:
    webhook = await created(user, "https://example.invalid/hook")
    await user.call("POST", f"/webhooks/{webhook['id']}/test")
    assert settings.database_url
    await execute(
        settings.database_url.get_secret_value(),
        "UPDATE webhook_deliveries SET created_at = now() - interval '31 days'",
    )
    assert await service.container.deliveries.forget() > 0
    assert await deliveries(user, webhook) == []
