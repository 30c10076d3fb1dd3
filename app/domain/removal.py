"""When the store must be looked at again for bytes that nobody wants.

A URL outlives the record it was made for: what a client sends to it after the file failed or was
deleted lands in the store all the same.
"""

import dataclasses
from datetime import datetime, timedelta

from app.domain.file import FileRecord, FileStatus
from app.domain.job import Job, JobName

CLOCK_SKEW = timedelta(minutes=5)
"""After its end a URL may still be good by the store's clock, but no longer than this."""

LONGEST_TRANSFER = timedelta(hours=24)
"""The store checks a URL when a request begins; its bytes may arrive this much later."""

DELETION_TAKEOVER = timedelta(minutes=1)
"""After this the worker finishes a deletion that its request did not."""


def first_look(record: FileRecord, now: datetime) -> datetime:
    """When every URL of a file that ends `now` is dead."""
    return max(record.expires_at, now) + CLOCK_SKEW


def next_look(record: FileRecord, now: datetime) -> datetime | None:
    """When to look again after a look `now`; None when nothing can arrive any more."""
    last = record.expires_at + LONGEST_TRANSFER
    return last if now < last else None


def is_unwanted(record: FileRecord) -> bool:
    """Whether nothing of the file may stay in the store. No state leads back from here."""
    return record.status is FileStatus.FAILED or record.deleted_at is not None


def cleanup(record: FileRecord) -> list[Job]:
    """What a move to this record leaves to be removed from the store."""
    return [Job(name=JobName.DISCARD, file_id=record.id)] if is_unwanted(record) else []


def takeover(record: FileRecord, now: datetime) -> Job:
    """The job that finishes a deletion whose request came to nothing."""
    return Job(name=JobName.DELETE, file_id=record.id, at=now + DELETION_TAKEOVER)


def as_deleted(record: FileRecord, now: datetime) -> FileRecord:
    """The record of a file that the store holds no longer."""
    return dataclasses.replace(
        record, updated_at=now, deleted_at=now, remove_at=first_look(record, now)
    )
