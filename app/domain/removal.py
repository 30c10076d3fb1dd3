"""When the store must be looked at again for bytes that nobody wants.

A URL outlives the record it was made for: what a client sends to it after the file failed or was
deleted lands in the store all the same.
"""

from datetime import datetime, timedelta

from app.domain.file import FileRecord

CLOCK_SKEW = timedelta(minutes=5)
"""After its end a URL may still be good by the store's clock, but no longer than this."""

LONGEST_TRANSFER = timedelta(hours=24)
"""The store checks a URL when a request begins; its bytes may arrive this much later."""


def first_look(record: FileRecord, now: datetime) -> datetime:
    """When every URL of a file that ends `now` is dead."""
    return max(record.expires_at, now) + CLOCK_SKEW


def next_look(record: FileRecord, now: datetime) -> datetime | None:
    """When to look again after a look `now`; None when nothing can arrive any more."""
    last = record.expires_at + LONGEST_TRANSFER
    return last if now < last else None
