"""Wishes about webhooks."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, model_validator

from app.domain.webhook import WebhookEvent
from app.domain.webhook_address import MAX_URL_LENGTH
from app.schemas.request.body import RequestBody
from app.service.webhooks import WebhookWish


def _all_different(events: list[WebhookEvent] | None) -> list[WebhookEvent] | None:
    if events is not None and len(set(events)) != len(events):
        raise ValueError("must not name an event twice")
    return events


Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="`https://`, at a public address, port 443 or from 1024 on.",
    ),
]
Events = Annotated[
    Annotated[
        list[WebhookEvent],
        Field(min_length=1, max_length=len(WebhookEvent), json_schema_extra={"uniqueItems": True}),
    ]
    | None,
    AfterValidator(_all_different),
    Field(description="null: all of them, those of later releases included."),
]


def _choice(events: list[WebhookEvent] | None) -> frozenset[str] | None:
    return None if events is None else frozenset(event.value for event in events)


class CreateWebhookRequest(RequestBody):
    """An address, and what shall be told there."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "url": "https://app.example.com/hooks/files",
                    "events": ["file.completed", "file.failed"],
                }
            ]
        },
    )

    url: Url
    events: Events = None
    service_wide: StrictBool = Field(
        False, description="Of everybody's files; needs the scope `admin`."
    )

    def choice(self) -> frozenset[str] | None:
        """The events by name, None for all."""
        return _choice(self.events)


class ChangeWebhookRequest(RequestBody):
    """What is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"enabled": True}, {"events": ["file.completed"]}]},
    )

    url: Url | None = None
    events: Events = None
    enabled: StrictBool | None = Field(
        None, description="false pauses; true lifts that, and a disabling after failures."
    )

    @model_validator(mode="after")
    def _wants_something(self) -> "ChangeWebhookRequest":
        if not self.model_fields_set:
            raise ValueError("must name at least one of url, events, enabled")
        return self

    def to_domain(self) -> WebhookWish:
        named = "events" in self.model_fields_set
        return WebhookWish(
            url=self.url,
            events=(_choice(self.events),) if named else None,
            is_enabled=self.enabled,
        )
