"""Files of all owners as operators see them: never with a URL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.domain.failure import MOST_WALKED, FailureReason, FailureTally, reason_of
from app.domain.file import FileRecord, FileStatus, UploadMethod

_WORDS = "size is 4 bytes, declared 12345"

FILE: dict[str, Any] = {
    "id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
    "owner": "alice",
    "key": "uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d.png",
    "status": "failed",
    "reason": "size",
    "status_reason": _WORDS,
    "filename": "cat.png",
    "type": "image/png",
    "file_size": 12345,
    "size_is_limit": False,
    "observed_size": None,
    "method": "PUT",
    "policy": "default",
    "created_at": "2026-11-21T03:00:00Z",
    "updated_at": "2026-11-21T03:00:09Z",
    "deleted_at": None,
}


class AdminFileResponse(BaseModel):
    """What was declared, and what became of it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [FILE]})

    id: UUID
    owner: str
    key: str
    status: FileStatus
    reason: FailureReason | None = Field(None, description="Of a failed file: the kind of reason.")
    status_reason: str | None = None
    filename: str
    type: str
    file_size: int
    size_is_limit: bool = Field(
        False, description="No size was declared: `file_size` is the most it may be."
    )
    observed_size: int | None = None
    method: UploadMethod
    policy: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None

    @classmethod
    def of(cls, record: FileRecord) -> Self:
        names = cls.model_fields.keys() - {"reason"}
        failed = record.status is FileStatus.FAILED
        reason = reason_of(record.status_reason) if failed else None
        return cls(reason=reason, **{name: getattr(record, name) for name in names})


class AdminFilesResponse(BaseModel):
    """Newest first; send `next_cursor` as `cursor` for the next page, null at the end."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [FILE], "next_cursor": "AZnzoXweexqcVS8NahssPQ"}]}
    )

    items: list[AdminFileResponse]
    next_cursor: str | None = None


_TALLY: dict[str, Any] = {
    "reason": "size",
    "files": 17,
    "owners": 2,
    "latest": "2026-11-21T03:00:09Z",
    "example": _WORDS,
}


class FailureResponse(BaseModel):
    """One kind of failure."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_TALLY]})

    reason: FailureReason
    files: int
    owners: int = Field(description="How many owners they are of.")
    latest: datetime
    example: str | None = Field(None, description="The `status_reason` of the latest.")


class FailuresResponse(BaseModel):
    """The most frequent kind first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "since": "2026-11-20T03:00:00Z",
                    "most_counted": MOST_WALKED,
                    "files": 17,
                    "items": [_TALLY],
                }
            ]
        }
    )

    since: datetime = Field(description="Uploads that began since then are counted.")
    most_counted: int = Field(description="Where `files` is so many there are more, and older.")
    files: int
    items: list[FailureResponse]

    @classmethod
    def of(cls, since: datetime, tallies: Sequence[FailureTally]) -> Self:
        return cls(
            since=since,
            most_counted=MOST_WALKED,
            files=sum(each.files for each in tallies),
            items=[FailureResponse.model_validate(each) for each in tallies],
        )
