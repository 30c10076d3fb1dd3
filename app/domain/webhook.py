"""Webhooks: who is told of which changes of files, and what becomes of each telling.

Signatures, headers and the schedule follow https://www.standardwebhooks.com (version 1.0.0).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

MAX_WEBHOOKS = 10
"""Of each owner, and service-wide: every move of a file writes a row for each of them."""

SECRET_OVERLAP = timedelta(hours=24)
"""How long the secret before a rotation goes on signing beside the new one."""

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between one attempt and the next; with the last of them a delivery has failed."""

LONGEST_WAIT = WAITS[-1]
"""However long an endpoint asks us to wait."""

SUSTAINED_FAILURE = timedelta(days=3)
"""An endpoint at which every attempt fails for so long is told nothing more."""

DELIVERIES_KEPT = timedelta(days=30)

CLAIM_LIFE = timedelta(seconds=30)
"""How long a worker has for an attempt that it has claimed. If it has told nothing of it by then,
it died, and the next worker sends it again."""

SHARES = 10
"""Of what a worker sends at once an endpoint gets one in so many: however long it is silent, others
have the rest."""

MAX_ERROR_LENGTH = 200

MOST_WAITING = 10_000
"""What waits is counted no further."""

PAUSED = "Paused by a call."
"""The reason for which a webhook is disabled that has not failed."""

GONE = 410
"""RFC 9110 section 15.5.11: the condition is likely to be permanent."""


class WebhookEvent(StrEnum):
    """What a webhook can be told."""

    UPLOADED = "file.uploaded"
    PROCESSING = "file.processing"
    COMPLETED = "file.completed"
    FAILED = "file.failed"
    DELETED = "file.deleted"


TEST = "webhook.test"
"""The event of a delivery that its owner asked for, to see whether it arrives."""


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where an owner wants to be told; without an owner it is told of everybody's files.

    `events` is None for all of them, those of later releases included. `failing_since` is the
    first failure after the last success. `version` counts the changes of the webhook itself.
    """

    id: UUID
    owner: str | None
    url: str
    secret: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    events: frozenset[str] | None = None
    previous_secret: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    version: int = 1

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def host(self) -> str:
        """The address without what may be secret in it: `https://hooks.example.com`."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def secrets(self, now: datetime) -> list[str]:
        """Those that sign, the newest first."""
        previous = self.previous_secret
        overlaps = previous and self.previous_until and now < self.previous_until
        return [self.secret, previous] if previous and overlaps else [self.secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook. `message_id` is the same at every attempt.

    `id` grows with the order of the events; it is the repository's to give.
    """

    id: int
    message_id: UUID
    webhook_id: UUID
    event: str
    file_id: UUID | None
    created_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    attempted_at: datetime | None = None
    next_attempt_at: datetime | None = None
    response_status: int | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """What the receiver knows it by: the header `webhook-id`."""
        return f"msg_{self.message_id.hex}"


@dataclass(frozen=True, slots=True)
class WebhookHealth:
    """A webhook with how many deliveries wait for it, up to MOST_WAITING, and its last that went
    wrong and has not arrived since."""

    webhook: Webhook
    waiting: int
    last_failure: Delivery | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery with its webhook, and what it tells: `at` and `data` are those of the event.

    `data` is None when somebody has removed that or its file since.
    """

    delivery: Delivery
    webhook: Webhook
    at: datetime
    data: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker takes on: until `until`, `most` deliveries in all and `most_each` to each
    webhook, or one to a webhook that is failing. `under_way` counts what it has taken already.
    """

    now: datetime
    until: datetime
    most: int
    most_each: int
    under_way: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to: the status of the answer, or without one the error.

    `retry_after` is how long the endpoint asks us to wait.
    """

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def share_of(at_once: int) -> int:
    """How many of these may be under way to one endpoint."""
    return max(1, at_once // SHARES)


def after_attempt(
    delivery: Delivery, outcome: Outcome, now: datetime, jitter: float = 0.0
) -> Delivery:
    """The delivery once this is noted; `jitter` is the share by which the wait is longer."""
    attempts = delivery.attempts + 1
    status, next_at = DeliveryStatus.PENDING, None
    if outcome.is_delivered:
        status = DeliveryStatus.DELIVERED
    elif outcome.status == GONE or attempts > len(WAITS):
        status = DeliveryStatus.FAILED
    else:
        asked = min(outcome.retry_after or timedelta(0), LONGEST_WAIT)
        next_at = now + max(WAITS[attempts - 1], asked) * (1 + jitter)
    return dataclasses.replace(
        delivery,
        status=status,
        attempts=attempts,
        attempted_at=now,
        next_attempt_at=next_at,
        response_status=outcome.status,
        error=_error(outcome),
    )


def given_up(delivery: Delivery, reason: str) -> Delivery:
    """The delivery when nothing is sent to its webhook any more."""
    return dataclasses.replace(
        delivery, status=DeliveryStatus.FAILED, next_attempt_at=None, error=reason
    )


def health_after(webhook: Webhook, outcome: Outcome, now: datetime) -> Webhook:
    """The webhook after an attempt: the same object where that changes nothing."""
    if outcome.is_delivered:
        return webhook if webhook.failing_since is None else _next(webhook, failing_since=None)
    if outcome.status == GONE:
        return disabled(webhook, now, "The endpoint answered 410 Gone.")
    since = webhook.failing_since
    if since is None:
        return _next(webhook, failing_since=now)
    if now - since >= SUSTAINED_FAILURE:
        days = SUSTAINED_FAILURE.days
        return disabled(webhook, now, f"Every attempt has failed for {days} days.")
    return webhook


def disabled(webhook: Webhook, now: datetime, reason: str) -> Webhook:
    """Nothing is sent to it from now on; the same object when that is so already."""
    if not webhook.is_enabled:
        return webhook
    return _next(webhook, disabled_at=now, disabled_reason=reason, updated_at=now)


def enabled(webhook: Webhook, now: datetime) -> Webhook:
    """With a clean slate, so that one more failure does not disable it again."""
    return _next(
        webhook, disabled_at=None, disabled_reason=None, failing_since=None, updated_at=now
    )


def rotated(webhook: Webhook, secret: str, now: datetime) -> Webhook:
    """With a new secret; the present one goes on signing beside it for SECRET_OVERLAP."""
    return _next(
        webhook,
        secret=secret,
        previous_secret=webhook.secret,
        previous_until=now + SECRET_OVERLAP,
        updated_at=now,
    )


def redirected(
    webhook: Webhook, now: datetime, *, url: str, events: frozenset[str] | None
) -> Webhook:
    """With another address or choice of events."""
    return _next(webhook, url=url, events=events, updated_at=now)


def _next(webhook: Webhook, **changes: Any) -> Webhook:
    return dataclasses.replace(webhook, version=webhook.version + 1, **changes)


def _error(outcome: Outcome) -> str | None:
    if outcome.is_delivered:
        return None
    said = outcome.error or f"The endpoint answered {outcome.status}."
    return said[:MAX_ERROR_LENGTH]
