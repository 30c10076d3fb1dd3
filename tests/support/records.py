"""Records to start from."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_record(**changes: Any) -> FileRecord:
    """A fresh pending PUT of 5 bytes of text, owned by alice."""
    file_id = uuid_utils.compat.uuid7()
    values: dict[str, Any] = {
        "id": file_id,
        "owner": "alice",
        "key": f"uploads/{file_id}.txt",
        "filename": "hello.txt",
        "type": "text/plain",
        "file_size": 5,
        "method": UploadMethod.PUT,
        "policy": "default",
        "status": FileStatus.PENDING,
        "created_at": NOON,
        "updated_at": NOON,
        "expires_at": NOON + timedelta(seconds=900),
        "ends_at": NOON + timedelta(seconds=1200),
    }
    return FileRecord(**(values | changes))


def a_creation(record: FileRecord) -> FileEvent:
    return FileEvent(
        at=record.created_at,
        actor=f"user:{record.owner}",
        event="created",
        to_status=FileStatus.PENDING,
        detail={"method": record.method.value},
    )


def id_made_at(at: datetime) -> UUID:
    """A UUIDv7 of that millisecond (RFC 9562 section 5.7)."""
    rest = uuid_utils.compat.uuid7().int & ((1 << 80) - 1)
    return UUID(int=round(at.timestamp() * 1000) << 80 | rest)
