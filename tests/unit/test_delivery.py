"""What a delivery to a webhook comes to, on the twin in memory."""

from datetime import timedelta

import pytest

from app.domain.webhook import (
    CLAIM_LIFE,
    DELIVERIES_KEPT,
    SUSTAINED_FAILURE,
    WAITS,
    DeliveryStatus,
    Outcome,
    rotated,
)
from app.exceptions.errors import DatabaseUnavailable
from app.infrastructure.webhooks.signing import new_secret
from tests.support.hooks import Hooks
from tests.support.records import NOON

REFUSED = Outcome(status=500)
HOUR = timedelta(hours=1)


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


async def test_what_arrives_is_settled_and_not_sent_again(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    made = await hooks.repository.offer_test(webhook.id, NOON)
    [after] = await hooks.attempt()
    hooks.later(HOUR)

    assert await hooks.attempt() == []
    assert (after.status, after.attempts) == (DeliveryStatus.DELIVERED, 1)
    [sent] = hooks.sent
    assert (sent.url, sent.headers["webhook-id"]) == (webhook.url, made.name)
    sent.verified(webhook.secret, NOON)
    assert hooks.outcomes == ["delivered"]


async def test_both_secrets_sign_while_one_is_rotated(hooks: Hooks) -> None:
    before = hooks.webhook()
    after = rotated(before, new_secret(), NOON)
    hooks.repository.webhooks[before.id] = after
    await hooks.repository.offer_test(before.id, NOON)
    await hooks.attempt()

    for secret in (before.secret, after.secret):
        hooks.sent[0].verified(secret, NOON)


async def test_a_failure_comes_again_as_the_same_message(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    await hooks.repository.offer_test(webhook.id, NOON)
    hooks.answers = [REFUSED]
    [after] = await hooks.attempt()

    assert after.next_attempt_at is not None
    assert WAITS[0] <= after.next_attempt_at - NOON <= 1.1 * WAITS[0]
    assert await hooks.attempt() == []
    hooks.now = after.next_attempt_at
    [again] = await hooks.attempt()
    assert (again.status, again.attempts) == (DeliveryStatus.DELIVERED, 2)
    first, second = hooks.sent
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert hooks.outcomes == ["retried", "delivered"]


async def test_it_is_given_up_after_the_last_wait(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    await hooks.repository.offer_test(webhook.id, NOON)
    hooks.answers = [REFUSED] * 20
    for wait in WAITS:
        [after] = await hooks.attempt()
        assert after.status is DeliveryStatus.PENDING
        hooks.later(1.1 * wait)
    [after] = await hooks.attempt()

    assert (after.status, after.attempts) == (DeliveryStatus.FAILED, 1 + len(WAITS))
    assert hooks.outcomes[-1] == "failed"


async def test_what_was_sent_and_not_noted_is_sent_again_as_the_same_message(hooks: Hooks) -> None:
    """The worker dies with the answer in its hands."""
    await hooks.repository.offer_test(hooks.webhook().id, NOON)
    [outgoing] = await hooks.service.claim(100, {})
    await hooks.service.attempt(outgoing)

    hooks.later(CLAIM_LIFE - timedelta(seconds=1))
    assert await hooks.attempt() == []
    hooks.later(timedelta(seconds=1))
    [after] = await hooks.attempt()
    assert after.status is DeliveryStatus.DELIVERED
    assert len({sent.headers["webhook-id"] for sent in hooks.sent}) == 1
    assert len(hooks.sent) == 2


async def test_a_database_that_goes_away_settles_nothing(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    await hooks.repository.offer_test(webhook.id, NOON)
    [outgoing] = await hooks.service.claim(100, {})
    hooks.repository.down = True
    hooks.answers = [REFUSED]
    with pytest.raises(DatabaseUnavailable):
        await hooks.service.attempt(outgoing)
    hooks.repository.down = False

    hooks.later(CLAIM_LIFE)
    [after] = await hooks.attempt()
    assert (after.status, after.attempts) == (DeliveryStatus.DELIVERED, 1)


async def test_failing_is_noted_until_something_arrives(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    await hooks.repository.offer_test(webhook.id, NOON)
    hooks.answers = [REFUSED]
    await hooks.attempt()
    assert hooks.repository.webhooks[webhook.id].failing_since == NOON

    hooks.later(HOUR)
    await hooks.attempt()
    assert hooks.repository.webhooks[webhook.id].failing_since is None


@pytest.mark.parametrize(
    ("answer", "since"), [(Outcome(status=410), None), (REFUSED, NOON - SUSTAINED_FAILURE)]
)
async def test_an_endpoint_that_is_gone_is_told_nothing_more(
    hooks: Hooks, answer: Outcome, since: object
) -> None:
    webhook = hooks.webhook(failing_since=since)
    for _ in range(2):
        await hooks.repository.offer_test(webhook.id, NOON)
    hooks.answers = [answer]
    await hooks.attempt()
    assert not hooks.repository.webhooks[webhook.id].is_enabled
    hooks.later(HOUR)
    await hooks.attempt()

    statuses = {delivery.status for delivery in hooks.repository.sent.values()}
    assert len(hooks.sent) <= 2
    assert hooks.disabled == 1
    assert DeliveryStatus.PENDING not in statuses


async def test_of_what_has_been_removed_nothing_is_sent(hooks: Hooks) -> None:
    made = await hooks.repository.offer_test(hooks.webhook().id, NOON)
    hooks.repository.told[made.id] = (NOON, None)
    [after] = await hooks.attempt()

    assert hooks.sent == []
    assert (after.status, after.attempts) == (DeliveryStatus.FAILED, 0)
    assert "removed" in (after.error or "")


async def test_a_disabled_one_is_sent_nothing(hooks: Hooks) -> None:
    webhook = hooks.webhook(disabled_at=NOON, disabled_reason="Paused.")
    await hooks.repository.offer_test(webhook.id, NOON)
    [after] = await hooks.attempt()

    assert hooks.sent == []
    assert (after.status, after.attempts) == (DeliveryStatus.FAILED, 0)
    assert "disabled" in (after.error or "")


async def test_an_endpoint_gets_a_tenth_with_what_is_under_way(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    for _ in range(30):
        await hooks.repository.offer_test(webhook.id, NOON)

    assert len(await hooks.service.claim(100, {})) == 10
    assert len(await hooks.service.claim(92, {webhook.id: 8})) == 2
    assert await hooks.service.claim(90, {webhook.id: 10}) == []


async def test_all_that_is_old_is_forgotten(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.service.delivery.BATCH", 2)
    webhook = hooks.webhook()
    for _ in range(5):
        await hooks.repository.offer_test(webhook.id, NOON)
    hooks.later(DELIVERIES_KEPT + HOUR)
    new = await hooks.repository.offer_test(webhook.id, hooks.now)

    assert await hooks.service.forget() == 5
    assert list(hooks.repository.sent) == [new.id]
