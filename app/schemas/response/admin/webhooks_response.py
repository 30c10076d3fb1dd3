"""Everybody's webhooks: neither secrets nor addresses, in whose paths there may be some."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.domain.webhook import MOST_WAITING, WebhookHealth
from app.schemas.response.webhook_response import DELIVERY, DeliveryResponse

_WEBHOOK: dict[str, Any] = {
    "id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
    "owner": "alice",
    "host": "https://app.example.com",
    "events": ["file.completed", "file.failed"],
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": "2026-11-21T03:00:09Z",
    "created_at": "2026-11-21T03:00:00Z",
    "waiting": 12,
    "last_failure": DELIVERY,
}


class AdminWebhookResponse(BaseModel):
    """One webhook and how its endpoint does."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WEBHOOK]})

    id: UUID
    owner: str | None = Field(None, description="null: it is told of everybody's files.")
    host: str
    events: list[str] | None = Field(None, description="null: all of them.")
    enabled: bool
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    created_at: datetime
    waiting: int = Field(description=f"Deliveries that wait, counted up to {MOST_WAITING}.")
    last_failure: DeliveryResponse | None = Field(
        None, description="The newest delivery that went wrong and has not arrived since."
    )

    @classmethod
    def of(cls, health: WebhookHealth) -> Self:
        webhook, failure = health.webhook, health.last_failure
        return cls(
            id=webhook.id,
            owner=webhook.owner,
            host=webhook.host,
            events=None if webhook.events is None else sorted(webhook.events),
            enabled=webhook.is_enabled,
            disabled_at=webhook.disabled_at,
            disabled_reason=webhook.disabled_reason,
            failing_since=webhook.failing_since,
            created_at=webhook.created_at,
            waiting=health.waiting,
            last_failure=None if failure is None else DeliveryResponse.of(failure),
        )


class AdminWebhooksResponse(BaseModel):
    """Oldest first; send `next_cursor` as `cursor` for the next page, null at the end."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [_WEBHOOK], "next_cursor": "AZnzoXweexqcVS8NahssPQ"}]
        }
    )

    items: list[AdminWebhookResponse]
    next_cursor: str | None = None
