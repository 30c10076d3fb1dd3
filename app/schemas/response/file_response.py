"""A file's record as clients see it, alone, in lists and right after creation."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.domain.checksum import ChecksumAlgorithm, ChecksumType
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.ports import SignedRequest
from app.schemas.cursor import encode_event_cursor
from app.schemas.response.parts_response import MultipartResponse
from app.service.part_urls import IssuedParts

EXAMPLE: JsonDict = {
    "id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
    "key": "uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d.png",
    "status": "pending",
    "url": "https://bucket.s3.eu-west-1.amazonaws.com/uploads/…?X-Amz-Signature=…",
    "method": "PUT",
    "headers": {"Content-Type": "image/png", "If-None-Match": "*"},
    "fields": {},
    "expires_at": "2026-11-21T03:15:00Z",
    "expires_in": 900,
    "filename": "cat.png",
    "type": "image/png",
    "file_size": 12345,
    "size_is_limit": False,
    "metadata": {},
    "policy": "default",
    "multipart": None,
    "checksum": None,
    "status_reason": None,
    "etag": None,
    "version_id": None,
    "observed_size": None,
    "created_at": "2026-11-21T03:00:00Z",
    "updated_at": "2026-11-21T03:00:00Z",
    "uploaded_at": None,
    "processing_at": None,
    "completed_at": None,
    "failed_at": None,
}

UPLOADED: JsonDict = EXAMPLE | {
    "status": "uploaded",
    "url": None,
    "headers": {},
    "etag": "9b2cf535f27731c974343645a3985328",
    "observed_size": 12345,
    "updated_at": "2026-11-21T03:00:09Z",
    "uploaded_at": "2026-11-21T03:00:09Z",
}

EVENT: JsonDict = {
    "at": "2026-11-21T03:00:09Z",
    "actor": "user:alice",
    "event": "transition",
    "from": "pending",
    "to": "uploaded",
    "detail": {"observed_size": 12345, "etag": "9b2cf535f27731c974343645a3985328"},
}


class ChecksumResponse(BaseModel):
    algorithm: ChecksumAlgorithm
    value: str
    type: ChecksumType = Field(description="`full_object`: it covers the bytes of the file.")

    @classmethod
    def of(cls, record: FileRecord) -> "ChecksumResponse | None":
        if record.checksum is None:
            return None
        return cls.model_construct(
            algorithm=record.checksum.algorithm,
            value=record.checksum.value,
            type=record.checksum_type or ChecksumType.FULL_OBJECT,
        )


class FileResponse(BaseModel):
    """`url`, `headers` and `fields` are set only in the answer that issues them."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    key: str
    status: FileStatus
    url: str | None = Field(None, description="Where the bytes go; null once issued.")
    method: UploadMethod
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="Exactly what to send with a PUT. Browsers add Content-Length themselves.",
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="The complete form of a POST, in this order, the file as `file` after them.",
    )
    expires_at: datetime = Field(
        description="When the URL issued here stops working, else the last one that was."
    )
    expires_in: int = Field(description="Seconds until then, 0 when past.")
    filename: str
    type: str
    file_size: int
    size_is_limit: bool = Field(
        False,
        description="No size was declared: until it is verified `file_size` is the most it may be.",
    )
    metadata: dict[str, str]
    policy: str
    multipart: MultipartResponse | None = Field(None, description="With the method `multipart`.")
    checksum: ChecksumResponse | None = None
    status_reason: str | None = None
    etag: str | None = None
    version_id: str | None = None
    observed_size: int | None = None
    created_at: datetime
    updated_at: datetime
    uploaded_at: datetime | None = None
    processing_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None

    @classmethod
    def of(
        cls,
        record: FileRecord,
        now: datetime,
        signed: SignedRequest | None = None,
        issued: IssuedParts | None = None,
    ) -> "FileResponse":
        """The record, and what uploads it if that was just signed: a request, or parts."""
        # A fresh URL's whole life, however long its record took to commit.
        fresh = signed or (issued.signed if issued else None)
        since = record.updated_at if fresh else now
        expires_at = fresh.expires_at if fresh else record.expires_at
        left = math.ceil((expires_at - since).total_seconds())
        # Not validated again: every value comes from a record that was.
        return cls.model_construct(
            id=record.id,
            key=record.key,
            status=record.status,
            url=signed.url if signed else None,
            method=record.method,
            headers=dict(signed.headers) if signed else {},
            fields=dict(signed.fields) if signed else {},
            expires_at=expires_at,
            expires_in=max(0, left),
            filename=record.filename,
            type=record.type,
            file_size=record.file_size,
            size_is_limit=record.size_is_limit,
            metadata=dict(record.metadata),
            policy=record.policy,
            multipart=_multipart(record, issued),
            checksum=ChecksumResponse.of(record),
            status_reason=record.status_reason,
            etag=record.etag,
            version_id=record.version_id,
            observed_size=record.observed_size,
            created_at=record.created_at,
            updated_at=record.updated_at,
            uploaded_at=record.uploaded_at,
            processing_at=record.processing_at,
            completed_at=record.completed_at,
            failed_at=record.failed_at,
        )


def _multipart(record: FileRecord, issued: IssuedParts | None) -> MultipartResponse | None:
    is_multipart = record.method is UploadMethod.MULTIPART
    return MultipartResponse.of(record.plan, issued) if is_multipart else None


class UploadsResponse(BaseModel):
    """The answers to a batch, in the order of its files."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE]}]})

    items: list[FileResponse]


class FilePageResponse(BaseModel):
    """One page, newest first; send `next_cursor` as `cursor` for the next, null at the end."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [UPLOADED], "next_cursor": "AZnzoXweexqcVS8NahssPQ"}]
        }
    )

    items: list[FileResponse]
    next_cursor: str | None = None


class EventResponse(BaseModel):
    """One line of the audit trail; `from` and `to` are null where no state changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT]})

    at: datetime
    actor: str
    event: str
    from_: FileStatus | None = Field(None, serialization_alias="from", validation_alias="from")
    to: FileStatus | None = None
    detail: dict[str, object] = Field(default_factory=dict)

    @classmethod
    def of(cls, event: FileEvent) -> "EventResponse":
        return cls.model_construct(
            at=event.at,
            actor=event.actor,
            event=event.event,
            from_=event.from_status,
            to=event.to_status,
            detail=dict(event.detail),
        )


class EventsResponse(BaseModel):
    """The audit trail, oldest first; `next_cursor` is null at its end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EVENT]}]})

    items: list[EventResponse]
    next_cursor: str | None = None

    @classmethod
    def of(cls, events: Sequence[FileEvent], next_after: int | None) -> Self:
        items = [EventResponse.of(event) for event in events]
        return cls(items=items, next_cursor=encode_event_cursor(next_after))


class DownloadUrlResponse(BaseModel):
    """A URL for a GET that ends at `expires_at`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://bucket.s3.eu-west-1.amazonaws.com/uploads/…?X-Amz-Signature=…",
                    "expires_at": "2026-11-21T03:15:00Z",
                }
            ]
        }
    )

    url: str
    expires_at: datetime
