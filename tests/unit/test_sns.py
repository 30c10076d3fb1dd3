"""Messages of SNS: signed by Amazon, of a topic of ours, and never a reason to visit a stranger."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.exceptions.errors import EventsPostponed, Forbidden, Unauthorized
from app.infrastructure.events.sns import CLOCK_SKEW, MAX_AGE, SnsTopics
from tests.support.events import CERT_URL, SUBSCRIBE_URL, TOPIC, Amazon, s3_body, sns_envelope


@pytest.fixture(scope="module")
def shared() -> Amazon:
    return Amazon()


@pytest.fixture
def amazon(shared: Amazon) -> Amazon:
    shared.visited.clear()
    shared.down = False
    return shared


@pytest.fixture
def topics(amazon: Amazon) -> SnsTopics:
    return topics_of(amazon)


def topics_of(amazon: Amazon, *, now: datetime | None = None) -> SnsTopics:
    return SnsTopics([TOPIC], clock=lambda: now or datetime.now(UTC), fetch=amazon.fetch)


def notification(**changes: Any) -> dict[str, Any]:
    return sns_envelope(s3_body("uploads/a.txt"), **changes)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_message_passes(topics: SnsTopics, amazon: Amazon, version: str) -> None:
    await topics.verify(amazon.sign(notification(), version))
    without_subject = notification()
    del without_subject["Subject"]
    await topics.verify(amazon.sign(without_subject, version))
    assert amazon.visited == [CERT_URL], "the certificate is kept"


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "Type"])
async def test_a_change_breaks_the_signature(topics: SnsTopics, amazon: Amazon, field: str) -> None:
    message = amazon.sign(notification())
    earlier = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}Z"
    other = {"Timestamp": earlier, "Type": "UnsubscribeConfirmation"}.get(field, "other")
    with pytest.raises(Unauthorized):
        await topics.verify(message | {field: other, "SubscribeURL": "x", "Token": "x"})


async def test_a_signature_of_somebody_else_is_refused(topics: SnsTopics, amazon: Amazon) -> None:
    forged = Amazon().sign(notification())
    with pytest.raises(Unauthorized, match="does not verify"):
        await topics.verify(forged)


@pytest.mark.parametrize(
    "change",
    [
        {"Signature": "!"},
        {"Signature": None},
        {"Signature": base64.b64encode(b"x").decode()},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
        {"Message": None},
        {"MessageId": 7},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2026-11-21T12:00:00"},
    ],
)
async def test_malformed_ones_are_refused(
    topics: SnsTopics, amazon: Amazon, change: dict[str, Any]
) -> None:
    with pytest.raises(Unauthorized):
        await topics.verify(amazon.sign(notification()) | change)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0a.pem",
        "https://evil.example/SimpleNotificationService-0a.pem",
        "https://sns.evil.example/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0a.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/mine.pem",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem\n",
        "https://[::1",
        "",
        None,
        7,
    ],
)
async def test_no_certificate_is_fetched_from_elsewhere(
    topics: SnsTopics, amazon: Amazon, url: object
) -> None:
    with pytest.raises(Unauthorized):
        await topics.verify(amazon.sign(notification()) | {"SigningCertURL": url})
    assert amazon.visited == []


async def test_china_has_its_own_hosts(topics: SnsTopics, amazon: Amazon) -> None:
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0a.pem"
    await topics.verify(amazon.sign(notification() | {"SigningCertURL": url}))
    assert amazon.visited == [url]


@pytest.mark.parametrize("arn", [TOPIC + "-other", "", None, [TOPIC]])
async def test_a_topic_of_others_is_refused_before_anything_is_visited(
    topics: SnsTopics, amazon: Amazon, arn: object
) -> None:
    with pytest.raises((Forbidden, Unauthorized)):
        await topics.verify(amazon.sign(notification(TopicArn=arn)))
    with pytest.raises((Forbidden, Unauthorized)):
        await topics.verify(amazon.confirmation(TopicArn=arn))
    assert amazon.visited == []


@pytest.mark.parametrize("age", [MAX_AGE + timedelta(minutes=1), -CLOCK_SKEW * 2])
async def test_old_messages_and_those_of_the_future_are_refused(
    amazon: Amazon, age: timedelta
) -> None:
    topics = topics_of(amazon, now=datetime.now(UTC) + age)
    with pytest.raises(Unauthorized, match="Timestamp"):
        await topics.verify(amazon.sign(notification()))


async def test_a_certificate_past_its_time_is_refused() -> None:
    expired = Amazon(life=-timedelta(days=1))
    with pytest.raises(Unauthorized, match="not valid at this time"):
        await topics_of(expired).verify(expired.sign(notification()))


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff" * 1000])
async def test_what_is_no_certificate_is_refused(amazon: Amazon, body: bytes) -> None:
    topics = SnsTopics([TOPIC], clock=lambda: datetime.now(UTC), fetch=lambda _: body)
    with pytest.raises(Unauthorized):
        await topics.verify(amazon.sign(notification()))


async def test_while_amazon_does_not_answer_it_is_to_come_again(
    topics: SnsTopics, amazon: Amazon
) -> None:
    amazon.down = True
    with pytest.raises(EventsPostponed):
        await topics.verify(amazon.sign(notification()))
    amazon.down = False
    await topics.verify(amazon.sign(notification()))


async def test_a_subscription_is_confirmed(topics: SnsTopics, amazon: Amazon) -> None:
    message = amazon.confirmation()
    await topics.verify(message)
    await topics.confirm(message)
    assert amazon.visited == [CERT_URL, SUBSCRIBE_URL]


async def test_a_confirmation_leads_nowhere_else(topics: SnsTopics, amazon: Amazon) -> None:
    message = amazon.confirmation(SubscribeURL="https://169.254.169.254/latest/meta-data")
    await topics.verify(message)
    with pytest.raises(Unauthorized):
        await topics.confirm(message)
    assert amazon.visited == [CERT_URL]
