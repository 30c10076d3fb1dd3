"""Uploads over time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.domain.history import MOST_COUNTED, Interval, Outcomes

_OUTCOMES: dict[str, Any] = {
    "at": "2026-11-21T03:00:00Z",
    "pending": 2,
    "uploaded": 1,
    "processing": 0,
    "completed": 118,
    "failed": 3,
    "deleted": 4,
}


class OutcomesResponse(BaseModel):
    """How many uploads began in one period, by the state that they are in now."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_OUTCOMES]})

    at: datetime = Field(description="When the period began.")
    pending: int
    uploaded: int
    processing: int
    completed: int
    failed: int
    deleted: int = Field(description="Whatever state they were in before.")


class HistoryResponse(BaseModel):
    """Oldest first; the last period is under way."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"interval": "hour", "most_counted": MOST_COUNTED, "items": [_OUTCOMES]}]
        }
    )

    interval: Interval
    most_counted: int = Field(description="A figure of so many means so many or more.")
    items: list[OutcomesResponse]

    @classmethod
    def of(cls, interval: Interval, outcomes: Sequence[Outcomes]) -> Self:
        items = [OutcomesResponse.model_validate(each) for each in outcomes]
        return cls(interval=interval, most_counted=MOST_COUNTED, items=items)
