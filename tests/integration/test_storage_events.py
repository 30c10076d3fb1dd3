"""`POST /storage-events` on a real PostgreSQL and a real S3: who may send, and what comes of it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.infrastructure.events.sns import SnsTopics
from app.settings import Settings
from tests.support.events import (
    SUBSCRIBE_URL,
    TOPIC,
    Amazon,
    ceph_body,
    event_bridge_body,
    minio_body,
    s3_body,
    seaweedfs_body,
    sns_envelope,
)
from tests.support.service import Running, User, running, serving, token_for

SECRET = "a-secret-between-the-store-and-us-0123"
PATH = "/storage-events"
SNS = {"x-amz-sns-message-type": "Notification", "Content-Type": "text/plain; charset=UTF-8"}


@pytest.fixture(scope="module")
def amazon() -> Amazon:
    return Amazon()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(settings: Settings, amazon: Amazon) -> AsyncIterator[Running]:
    changes = {"storage_events_secret": SecretStr(SECRET), "storage_events_topics": (TOPIC,)}
    async with running(settings.model_copy(update=changes)) as service:
        app = service.api._transport.app  # type: ignore[attr-defined]
        sns = SnsTopics([TOPIC], clock=lambda: datetime.now(UTC), fetch=amazon.fetch)
        app.state.container = replace(service.container, sns=sns)
        yield service


@pytest.fixture
def api(service: Running) -> httpx.AsyncClient:
    return service.api


async def post(
    api: httpx.AsyncClient, body: Any, headers: dict[str, str] | None = None
) -> httpx.Response:
    known = {"Authorization": f"Bearer {SECRET}"} if headers is None else headers
    return await api.post(PATH, content=json.dumps(body), headers=known)


async def status(user: User, record: dict[str, Any]) -> str:
    return str((await user.call("GET", f"/files/{record['id']}")).json()["status"])


@pytest.mark.parametrize(
    "body", [s3_body, minio_body, ceph_body, event_bridge_body, seaweedfs_body]
)
async def test_every_store_can_say_that_a_file_has_arrived(
    user: User, settings: Settings, body: Any
) -> None:
    record = await user.upload()
    answer = await post(user.api, body(record["key"], bucket=settings.s3_bucket))
    assert (answer.status_code, answer.json()) == (200, {"outcomes": {"verified": 1}})
    assert await status(user, record) == "uploaded"
    events = (await user.call("GET", f"/files/{record['id']}/events")).json()["items"]
    assert [(event["actor"], event["to"]) for event in events[1:]] == [
        ("storage-event", "uploaded")
    ]


async def test_a_thousand_in_one_body(user: User, settings: Settings) -> None:
    records = [await user.upload() for _ in range(5)]
    keys = [record["key"] for record in records] + [f"uploads/{n}" for n in range(995)]
    answer = await post(user.api, s3_body(*keys, bucket=settings.s3_bucket))
    assert answer.json()["outcomes"] == {"verified": 5, "foreign": 995}
    too_many = await post(user.api, s3_body(*keys, "one-more", bucket=settings.s3_bucket))
    assert (too_many.status_code, too_many.json()["code"]) == (422, "invalid_request")


async def test_a_key_with_every_kind_of_character(settings: Settings, user: User) -> None:
    """Ours have none but the operator's prefix, which can be anything."""
    odd = settings.model_copy(
        update={
            "storage_events_secret": SecretStr(SECRET),
            "s3_key_prefix": "größe +100%/日本 & co",
        }
    )
    async with serving(odd) as api:
        other = User(api, user.subject)
        record = await other.upload()
        assert record["key"].startswith("größe +100%/日本 & co/")
        answer = await post(api, s3_body(record["key"], bucket=odd.s3_bucket))
        assert answer.json() == {"outcomes": {"verified": 1}}
        assert await status(other, record) == "uploaded"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"7", b"{}", b'{"Records": 1}', b'{"Type": []}']
)
async def test_malformed_bodies(api: httpx.AsyncClient, content: bytes) -> None:
    answer = await api.post(PATH, content=content, headers={"Authorization": f"Bearer {SECRET}"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_the_content_type_does_not_matter(api: httpx.AsyncClient) -> None:
    known = {"Authorization": f"Bearer {SECRET}", "Content-Type": "text/plain"}
    answer = await post(api, s3_body("x"), known)
    assert answer.json() == {"outcomes": {"foreign": 1}}


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}",
        "Bearer ",
        SECRET,
        f"Basic {SECRET}",
        "Basic \xfc",
        "Bearer \xfc",
        f"Digest {SECRET}",
        f"Basic {base64.b64encode(b'any:other').decode()}",
    ],
)
async def test_who_does_not_know_the_secret_is_refused(
    api: httpx.AsyncClient, authorization: str
) -> None:
    given = {"Authorization": authorization.encode("latin-1")}
    for headers in (given, given | SNS):
        answer = await api.post(PATH, content=json.dumps(s3_body("x")), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert SECRET not in answer.text


async def test_without_anything_it_is_refused(api: httpx.AsyncClient) -> None:
    assert (await post(api, s3_body("x"), {})).status_code == 401
    assert (await post(api, s3_body("x"), SNS)).status_code == 401, "no message of SNS at all"


async def test_a_users_token_is_no_secret_of_the_store(api: httpx.AsyncClient) -> None:
    token = token_for("alice", "admin")
    answer = await post(api, s3_body("x"), {"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_the_secret_as_a_password(api: httpx.AsyncClient) -> None:
    basic = base64.b64encode(f"sns:{SECRET}".encode()).decode()
    answer = await post(api, s3_body("x"), {"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200


async def test_where_it_is_not_set_up(settings: Settings) -> None:
    async with serving(settings) as api:
        answer = await post(api, s3_body("x"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "STORAGE_EVENTS_SECRET" in answer.json()["detail"]


async def test_topics_alone_make_no_secret(settings: Settings) -> None:
    changes = {"storage_events_topics": (TOPIC,)}
    async with serving(settings.model_copy(update=changes)) as api:
        assert (await post(api, s3_body("x"))).status_code == 401
        assert (await post(api, s3_body("x"), {"Authorization": "Bearer "})).status_code == 401


async def test_failures_are_limited_by_address(settings: Settings) -> None:
    changes = {"storage_events_secret": SecretStr(SECRET), "rate_limit": "3/minute"}
    async with serving(settings.model_copy(update=changes)) as api:
        wrong = {"Authorization": "Bearer wrong"}
        codes = [(await post(api, s3_body("x"), wrong)).status_code for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        assert (await post(api, s3_body("x"))).status_code == 200, "the store itself is not"


async def test_sns_needs_no_secret(user: User, settings: Settings, amazon: Amazon) -> None:
    record = await user.upload()
    message = amazon.sign(sns_envelope(s3_body(record["key"], bucket=settings.s3_bucket)))
    answer = await post(user.api, message, SNS)
    assert answer.json() == {"outcomes": {"verified": 1}}
    assert await status(user, record) == "uploaded"


async def test_forged_messages_of_sns_move_nothing(
    user: User, settings: Settings, amazon: Amazon
) -> None:
    record = await user.upload()
    envelope = sns_envelope(s3_body(record["key"], bucket=settings.s3_bucket))
    unsigned = await post(user.api, envelope, SNS)
    forged = await post(user.api, Amazon().sign(envelope), SNS)
    foreign = await post(user.api, amazon.sign(envelope | {"TopicArn": TOPIC + "2"}), SNS)
    assert [a.status_code for a in (unsigned, forged, foreign)] == [401, 401, 403]
    assert await status(user, record) == "pending"


async def test_a_subscription_is_confirmed_and_its_end_is_noted(
    api: httpx.AsyncClient, amazon: Amazon
) -> None:
    amazon.visited.clear()
    confirmation = amazon.confirmation()
    kind = SNS | {"x-amz-sns-message-type": "SubscriptionConfirmation"}
    assert (await post(api, confirmation, kind)).json() == {"outcomes": {}}
    assert amazon.visited[-1] == SUBSCRIBE_URL
    amazon.visited.clear()
    end = amazon.sign(confirmation | {"Type": "UnsubscribeConfirmation"})
    assert (await post(api, end, kind)).json() == {"outcomes": {}}
    assert SUBSCRIBE_URL not in amazon.visited, "nobody is subscribed again"


async def test_who_knows_the_secret_has_no_strange_address_visited(
    api: httpx.AsyncClient, amazon: Amazon
) -> None:
    amazon.visited.clear()
    stranger = Amazon().confirmation()
    assert (await post(api, stranger)).status_code == 401
    assert (await post(api, stranger | {"TopicArn": "arn:aws:sns:x:1:y"})).status_code == 403
    assert SUBSCRIBE_URL not in amazon.visited


async def test_a_strangers_body_has_its_limit(api: httpx.AsyncClient) -> None:
    body = sns_envelope(None, Message="x" * 600_000)
    assert (await post(api, body, SNS)).status_code == 413
    assert (await post(api, body)).status_code == 422


async def test_the_test_event_of_s3(api: httpx.AsyncClient) -> None:
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "any"}
    assert (await post(api, test)).json() == {"outcomes": {}}


async def test_a_store_that_does_not_answer(user: User, settings: Settings) -> None:
    record = await user.upload()
    lost = settings.model_copy(
        update={
            "storage_events_secret": SecretStr(SECRET),
            "s3_endpoint_url": "http://127.0.0.1:9",
            "s3_timeout": 3.0,
        }
    )
    async with serving(lost) as api:
        answer = await post(api, s3_body(record["key"], "x", bucket=settings.s3_bucket))
    assert (answer.status_code, answer.json()["code"]) == (503, "events_postponed")
    assert (answer.headers["retry-after"], answer.json()["postponed"]) == ("10", 1)
    assert await status(user, record) == "pending"
    again = await post(user.api, s3_body(record["key"], bucket=settings.s3_bucket))
    assert again.json() == {"outcomes": {"verified": 1}}


async def test_a_hundred_at_once_move_a_file_once(user: User, settings: Settings) -> None:
    record = await user.upload()
    body = s3_body(record["key"], bucket=settings.s3_bucket)
    answers = await asyncio.gather(
        *(post(user.api, body) for _ in range(30)), user.move(record, "uploaded")
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await user.trail(record) == [(None, "pending"), ("pending", "uploaded")]
