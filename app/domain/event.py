"""The lines of the audit trail that are not moves, and who stands in them."""

from datetime import datetime

from app.domain.file import FileEvent, FileRecord, FileStatus


def user(subject: str) -> str:
    """The actor for what a token's holder did: `user:<sub>`."""
    return f"user:{subject}"


SWEEP = "sweep"
"""The actor that ends what nobody ended."""
WORKER = "worker"
"""The actor that finishes what somebody asked for."""
STORAGE_EVENT = "storage-event"
"""The actor that the store's own word moves: an event of its bucket."""


def created(record: FileRecord) -> FileEvent:
    """The first line of every trail; the first URL is issued with it."""
    return FileEvent(
        at=record.created_at,
        actor=user(record.owner),
        event="created",
        to_status=FileStatus.PENDING,
        detail=_issue(record.method, record.expires_at),
    )


def url_issued(
    subject: str, method: str, expires_at: datetime, now: datetime, **detail: object
) -> FileEvent:
    """A further URL was handed out, for `method` and until `expires_at`; never the URL itself."""
    return FileEvent(
        at=now,
        actor=user(subject),
        event="url_issued",
        detail={**_issue(method, expires_at), **detail},
    )


def delete_requested(subject: str, now: datetime) -> FileEvent:
    """The owner wants the file gone; a `deleted` follows when the store has let go of it."""
    return FileEvent(at=now, actor=user(subject), event="delete_requested")


def deleted(actor: str, now: datetime) -> FileEvent:
    """The store holds the file no longer, and nobody finds its record."""
    return FileEvent(at=now, actor=actor, event="deleted")


def _issue(method: str, expires_at: datetime) -> dict[str, str]:
    return {"method": method, "expires_at": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"}
