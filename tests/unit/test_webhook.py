"""What becomes of deliveries and webhooks, attempt by attempt."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
import uuid_utils.compat

from app.domain.webhook import (
    GONE,
    LONGEST_WAIT,
    MAX_ERROR_LENGTH,
    SECRET_OVERLAP,
    SUSTAINED_FAILURE,
    WAITS,
    Delivery,
    DeliveryStatus,
    Outcome,
    Webhook,
    after_attempt,
    disabled,
    enabled,
    health_after,
    rotated,
)
from tests.support.records import NOON

OK, BROKEN = Outcome(204), Outcome(500)


def a_webhook(**changes: Any) -> Webhook:
    values: dict[str, Any] = {
        "id": uuid_utils.compat.uuid7(),
        "owner": "alice",
        "url": "https://example.com/hook",
        "secret": "whsec_bmV3",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Webhook(**(values | changes))


def a_delivery(**changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "id": 1,
        "message_id": uuid_utils.compat.uuid7(),
        "webhook_id": uuid_utils.compat.uuid7(),
        "event": "file.completed",
        "file_id": uuid_utils.compat.uuid7(),
        "created_at": NOON,
    }
    return Delivery(**(values | changes))


@pytest.mark.parametrize("code", [200, 201, 204, 299])
def test_any_2xx_is_delivered(code: int) -> None:
    after = after_attempt(a_delivery(error="before"), Outcome(code), NOON)
    assert (after.status, after.attempts) == (DeliveryStatus.DELIVERED, 1)
    assert (after.error, after.next_attempt_at) == (None, None)


@pytest.mark.parametrize("code", [100, 302, 400, 404, 429, 500, 503])
def test_anything_else_is_tried_again(code: int) -> None:
    after = after_attempt(a_delivery(), Outcome(code), NOON)
    assert (after.status, after.response_status) == (DeliveryStatus.PENDING, code)
    assert after.error == f"The endpoint answered {code}."


def test_the_attempts_follow_the_schedule_and_end_after_three_days() -> None:
    delivery, now, waits = a_delivery(), NOON, []
    while delivery.status is DeliveryStatus.PENDING:
        delivery = after_attempt(delivery, BROKEN, now)
        if delivery.next_attempt_at:
            waits.append(delivery.next_attempt_at - now)
            now = delivery.next_attempt_at
    assert tuple(waits) == WAITS
    assert delivery.status is DeliveryStatus.FAILED
    assert SUSTAINED_FAILURE < now - NOON < timedelta(days=4)


def test_jitter_only_lengthens_a_wait() -> None:
    after = after_attempt(a_delivery(), BROKEN, NOON, 0.1)
    assert after.next_attempt_at == NOON + WAITS[0] * 1.1


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(seconds=1), WAITS[0]),
        (timedelta(minutes=2), timedelta(minutes=2)),
        (timedelta(days=400), LONGEST_WAIT),
    ],
)
def test_retry_after_is_honoured_within_bounds(asked: timedelta, waited: timedelta) -> None:
    after = after_attempt(a_delivery(), Outcome(503, retry_after=asked), NOON)
    assert after.next_attempt_at == NOON + waited


def test_410_ends_it_and_disables_at_once() -> None:
    assert after_attempt(a_delivery(), Outcome(GONE), NOON).status is DeliveryStatus.FAILED
    after = health_after(a_webhook(), Outcome(GONE), NOON)
    assert (after.is_enabled, after.disabled_at) == (False, NOON)
    assert "410" in (after.disabled_reason or "")


def test_errors_are_bounded() -> None:
    after = after_attempt(a_delivery(), Outcome(error="x" * 10_000), NOON)
    assert len(after.error or "") == MAX_ERROR_LENGTH


def test_failures_disable_only_when_nothing_succeeded_for_three_days() -> None:
    failing = health_after(a_webhook(), BROKEN, NOON)
    assert failing.failing_since == NOON
    later = NOON + SUSTAINED_FAILURE
    assert health_after(failing, BROKEN, later - timedelta(seconds=1)) is failing
    assert not health_after(failing, BROKEN, later).is_enabled
    healed = health_after(failing, OK, later)
    assert (healed.failing_since, healed.is_enabled) == (None, True)
    assert health_after(healed, BROKEN, later).is_enabled


def test_success_changes_nothing_of_a_healthy_webhook() -> None:
    webhook = a_webhook()
    assert health_after(webhook, OK, NOON) is webhook


def test_enabling_forgets_the_failures() -> None:
    broken = disabled(a_webhook(failing_since=NOON), NOON, "It fails.")
    revived = enabled(broken, NOON)
    assert revived.is_enabled
    assert (revived.failing_since, revived.disabled_reason) == (None, None)


def test_every_change_is_another_version() -> None:
    webhook = a_webhook()
    for after in (rotated(webhook, "s", NOON), enabled(webhook, NOON), disabled(webhook, NOON, "")):
        assert after.version == webhook.version + 1


@pytest.mark.parametrize(
    ("at", "signing"),
    [
        (NOON, ["new", "whsec_bmV3"]),
        (NOON + SECRET_OVERLAP - timedelta(seconds=1), ["new", "whsec_bmV3"]),
        (NOON + SECRET_OVERLAP, ["new"]),
    ],
)
def test_both_secrets_sign_while_they_overlap(at: datetime, signing: list[str]) -> None:
    assert rotated(a_webhook(), "new", NOON).secrets(at) == signing


def test_no_secret_is_in_its_text() -> None:
    text = repr(rotated(a_webhook(secret="whsec_old"), "whsec_new", NOON))
    assert "whsec_" not in text


def test_a_message_is_named_alike_at_every_attempt() -> None:
    delivery = a_delivery()
    assert dataclasses.replace(delivery, attempts=4).name == delivery.name
