"""When to look for a file whose client will not say that it has sent it."""

from datetime import datetime, timedelta

from app.domain.file import FileRecord
from app.domain.job import Job, JobName

SOONEST = timedelta(seconds=2)
LATEST = timedelta(seconds=30)


def look(record: FileRecord, now: datetime) -> Job | None:
    """The next look after one `now`; None when the record has ended by then.

    After as long as the file has been awaited already, so an upload is noticed in about the time
    that it took, and at the latest after half a minute, or a twentieth of that time: URLs may live
    for days.
    """
    awaited = now - record.created_at
    at = now + max(SOONEST, min(awaited, LATEST), awaited / 20)
    return Job(name=JobName.LOOK, file_id=record.id, at=at) if at < record.ends_at else None
