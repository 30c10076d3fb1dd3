"""Webhooks and their deliveries as clients see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.domain.webhook import Delivery, DeliveryStatus, Webhook
from app.schemas.cursor import encode_event_cursor

WEBHOOK: JsonDict = {
    "id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
    "url": "https://app.example.com/hooks/files",
    "events": ["file.completed", "file.failed"],
    "service_wide": False,
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "created_at": "2026-11-21T03:00:00Z",
    "updated_at": "2026-11-21T03:00:00Z",
}
DELIVERY: JsonDict = {
    "id": "msg_9f3c1d2e4b5a69788796a5b4c3d2e1f0",
    "event": "file.completed",
    "file_id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
    "status": "pending",
    "attempts": 1,
    "created_at": "2026-11-21T03:00:09Z",
    "attempted_at": "2026-11-21T03:00:09Z",
    "next_attempt_at": "2026-11-21T03:00:14Z",
    "response_status": 500,
    "error": "The endpoint answered 500.",
}


class WebhookResponse(BaseModel):
    """Never with its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK]})

    id: UUID
    url: str
    events: list[str] | None = Field(None, description="null: all of them.")
    service_wide: bool = Field(description="It is told of everybody's files.")
    enabled: bool
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = Field(
        None, description="The first failure after the last success; after 3 days it is disabled."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(**_values(webhook))


class SecretResponse(WebhookResponse):
    """The only answer that holds the secret."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [WEBHOOK | {"secret": "whsec_…", "previous_until": None}]}
    )

    secret: str = Field(description="Shown this once. Keep it where your receiver verifies.")
    previous_until: datetime | None = Field(
        None, description="Until then the secret before this one signs as well."
    )

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        values = _values(webhook)
        return cls(**values, secret=webhook.secret, previous_until=webhook.previous_until)


class WebhooksResponse(BaseModel):
    """All of them, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [WEBHOOK]}]})

    items: list[WebhookResponse]


class DeliveryResponse(BaseModel):
    """One event on its way to one webhook."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [DELIVERY]})

    id: str = Field(description="The header `webhook-id`, the same at every attempt.")
    event: str
    file_id: UUID | None = Field(None, description="null for a test.")
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    attempted_at: datetime | None = None
    next_attempt_at: datetime | None = None
    response_status: int | None = Field(None, description="Of the last answer.")
    error: str | None = Field(None, description="What went wrong last.")

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        names = cls.model_fields.keys() - {"id"}
        return cls(id=delivery.name, **{name: getattr(delivery, name) for name in names})


class DeliveriesResponse(BaseModel):
    """One page, newest first; send `next_cursor` as `cursor` for the next, null at the end."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [DELIVERY], "next_cursor": "AAAAAAAAB9A"}]}
    )

    items: list[DeliveryResponse]
    next_cursor: str | None = None

    @classmethod
    def of(cls, deliveries: Sequence[Delivery], next_before: int | None) -> Self:
        items = [DeliveryResponse.of(delivery) for delivery in deliveries]
        return cls(items=items, next_cursor=encode_event_cursor(next_before))


def _values(webhook: Webhook) -> dict[str, object]:
    values = {
        name: getattr(webhook, name)
        for name in WebhookResponse.model_fields
        if name not in ("events", "service_wide", "enabled")
    }
    events = webhook.events
    return values | {
        "events": None if events is None else sorted(events),
        "service_wide": webhook.owner is None,
        "enabled": webhook.is_enabled,
    }
