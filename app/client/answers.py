"""What the service answers, as far as a client reads it. Unknown members are left alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from app.domain.file import FileStatus, UploadMethod
from app.domain.parts import MAX_PARTS, PartPlan, Range

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """A file's record; sizes in bytes, times as the service sent them (RFC 3339).

    `url`, `headers` and `part_urls` are set only in the answer that issues them.
    """

    id: str
    key: str
    status: FileStatus
    method: UploadMethod
    filename: str
    type: str
    file_size: int
    policy: str
    created_at: str
    status_reason: str | None = None
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksum: Mapping[str, str] | None = None
    """`algorithm` and `value`, as in `app.domain.checksum`; and `type`."""
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    plan: PartPlan | None = None
    """None unless the method is multipart."""
    part_urls: Mapping[int, str] = field(default_factory=dict)
    expires_in: int = 0
    """Seconds from the answer to the end of its URLs."""

    @property
    def is_pending(self) -> bool:
        return self.status is FileStatus.PENDING

    @classmethod
    def of(cls, body: Json) -> Self:
        parts = body.get("multipart")
        return cls(
            id=str(UUID(body["id"])),  # which makes names of files here
            key=str(body["key"]),
            status=FileStatus(body["status"]),
            method=UploadMethod(body["method"]),
            filename=str(body["filename"]),
            type=str(body["type"]),
            file_size=int(body["file_size"]),
            policy=str(body["policy"]),
            created_at=str(body["created_at"]),
            status_reason=body.get("status_reason"),
            etag=body.get("etag"),
            metadata=dict(body.get("metadata") or {}),
            checksum=body.get("checksum"),
            url=body.get("url"),
            headers=dict(body.get("headers") or {}),
            plan=_plan(int(body["file_size"]), parts["part_size"]) if parts else None,
            part_urls=_urls(parts["parts"]) if parts else {},
            expires_in=int(body["expires_in"]),
        )


@dataclass(frozen=True, slots=True)
class FilePage:
    """One page of a listing, newest first; `next_cursor` is None at its end."""

    items: Sequence[File]
    next_cursor: str | None

    @classmethod
    def of(cls, body: Json) -> Self:
        return cls([File.of(item) for item in body["items"]], body.get("next_cursor"))


@dataclass(frozen=True, slots=True)
class PartUrls:
    """URLs by part number."""

    urls: Mapping[int, str]
    expires_at: datetime

    @classmethod
    def of(cls, body: Json) -> Self:
        return cls(_urls(body["parts"]), datetime.fromisoformat(body["expires_at"]))


@dataclass(frozen=True, slots=True)
class HeldParts:
    """What the store has of an upload: the ranges of parts still to send, and the bytes there."""

    missing: Sequence[Range]
    uploaded_bytes: int

    @property
    def numbers(self) -> list[int]:
        """The parts still to send."""
        return [n for first, last in self.missing for n in range(first, last + 1)]

    @classmethod
    def of(cls, body: Json) -> Self:
        missing = [(int(first), int(last)) for first, last in body["missing"]]
        if any(last > MAX_PARTS for _, last in missing):
            raise ValueError(missing)
        return cls(missing, int(body["uploaded_bytes"]))


@dataclass(frozen=True, slots=True)
class DownloadUrl:
    """A URL for a GET."""

    url: str
    expires_at: datetime

    @classmethod
    def of(cls, body: Json) -> Self:
        return cls(str(body["url"]), datetime.fromisoformat(body["expires_at"]))


def _plan(file_size: int, said: Any) -> PartPlan | None:
    """None for a file whose parts another client cut as it liked."""
    if said is None:
        return None
    part_size = int(said)
    plan = PartPlan(file_size, part_size)
    if part_size < 1 or plan.part_count > MAX_PARTS:
        raise ValueError(plan)
    return plan


def _urls(parts: Sequence[Json]) -> dict[int, str]:
    return {int(part["part_number"]): str(part["url"]) for part in parts}
