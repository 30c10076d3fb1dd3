"""Making a legal move: the record after it, and the events that tell of it."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.policy import Policies
from app.domain.removal import first_look


def intended(current: FileStatus, target: FileStatus, auto_complete: bool) -> FileStatus:
    """What a report of `target` asks for.

    Under `auto_complete` the report of an upload asks for completion, so that repeating it after
    the answer was lost finds the file where it was meant to go.
    """
    reported = target is FileStatus.UPLOADED and current in (
        FileStatus.PENDING,
        FileStatus.COMPLETED,
    )
    return FileStatus.COMPLETED if reported and auto_complete else target


def on_arrival(record: FileRecord, policies: Policies) -> FileStatus:
    """Where the bytes of a pending file lead it, whoever says that they have arrived."""
    return intended(record.status, FileStatus.UPLOADED, policies.auto_completes(record.policy))


def steps(current: FileStatus, target: FileStatus) -> tuple[FileStatus, ...]:
    """The states entered on the way: a pending file passes through `uploaded` to `completed`."""
    if current is FileStatus.PENDING and target is FileStatus.COMPLETED:
        return (FileStatus.UPLOADED, FileStatus.COMPLETED)
    return (target,)


def moved(
    record: FileRecord,
    path: Sequence[FileStatus],
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> tuple[FileRecord, list[FileEvent]]:
    """The record at the end of `path` with the time of each state, and one event a step.

    `reason` becomes the record's `status_reason` and stands in each event's detail. What a file
    that fails has in the store must go, so `remove_at` is set.
    """
    stamps: dict[str, Any] = {f"{status}_at": now for status in path}
    if path[-1] is FileStatus.FAILED:
        stamps["remove_at"] = first_look(record, now)
    after = dataclasses.replace(
        record, status=path[-1], status_reason=reason, updated_at=now, **stamps
    )
    froms = (record.status, *path)
    detail = _detail(after, reason)
    events = [
        FileEvent(
            at=now,
            actor=actor,
            event="transition",
            from_status=before,
            to_status=status,
            detail=detail,
        )
        for before, status in zip(froms, path, strict=False)
    ]
    return after, events


def _detail(record: FileRecord, reason: str | None) -> dict[str, Any]:
    seen = {"reason": reason, "observed_size": record.observed_size, "etag": record.etag}
    return {name: value for name, value in seen.items() if value is not None}
