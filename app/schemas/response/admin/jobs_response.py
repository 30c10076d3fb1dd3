"""The workers' queue."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class JobStatus(StrEnum):
    """Jobs that have succeeded leave no row."""

    FAILED = "failed"
    TODO = "todo"
    DOING = "doing"


_JOB: dict[str, Any] = {
    "id": 4711,
    "name": "discard",
    "status": "failed",
    "attempts": 34,
    "at": "2026-11-21T02:00:00Z",
    "file_id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
    "changed_at": "2026-11-21T03:00:09Z",
}


class JobResponse(BaseModel):
    """One job. Why it failed stands in the workers' log, in the line `job_failed` with its id."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_JOB]})

    id: int
    name: str
    status: JobStatus
    attempts: int
    at: datetime | None = Field(None, description="Not before then.")
    file_id: UUID | None = Field(None, description="null for jobs that are not about one file.")
    changed_at: datetime | None = Field(None, description="When it came to its status.")


class JobsResponse(BaseModel):
    """Oldest first; send `next_cursor` as `cursor` for the next page, null at the end."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_JOB], "next_cursor": "AAAAAAAAEmc"}]}
    )

    items: list[JobResponse]
    next_cursor: str | None = None


class RetriedResponse(BaseModel):
    """It waits for a worker again, from its first attempt."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": 4711, "status": "todo"}]})

    id: int
    status: JobStatus = JobStatus.TODO


class AllRetriedResponse(BaseModel):
    """They wait for workers again, from their first attempts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"retried": 17}]})

    retried: int = Field(description="How many there were.")


class QueuedResponse(BaseModel):
    """Jobs of one name and status."""

    name: str
    status: JobStatus
    count: int


class BacklogResponse(BaseModel):
    """What the workers have before them, and what they could not do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "most_counted": 10000,
                    "deliveries": 3,
                    "jobs": [{"name": "discard", "status": "failed", "count": 2}],
                }
            ]
        }
    )

    most_counted: int = Field(description="A figure of so many means so many or more.")
    deliveries: int = Field(description="Deliveries to webhooks that wait.")
    jobs: list[QueuedResponse]
