"""Looking for what is wrong between store and records, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from app.domain.file import FileRecord
from app.domain.ports import (
    FileRepository,
    ListedObject,
    ObjectStore,
    StoreListing,
    UnfinishedUpload,
    UsageRepository,
)
from app.domain.reconciliation import (
    Entry,
    Finding,
    Kind,
    RecordSurvey,
    has_object,
    judge_object,
    judge_upload,
    listed_otherwise,
)
from app.domain.tally import Tally
from app.domain.usage import Usage
from app.domain.verification import discrepancies
from app.service.concurrency import each

PAGE = 1000
OWNERS = 100
"""Fewer, because one statement counts all of their files."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """How many things were looked at, and what is wrong with them."""

    seen: int
    findings: Sequence[Finding] = ()


class Survey:
    """One look at everything, of which only what has been at rest since `before` is judged.

    Whatever a page makes suspicious is asked for once more, the store first and the record after
    it, before it becomes a finding: both may have changed since they were listed, and a record
    tells of what happens to its object before it happens. Every method raises `StorageUnavailable`
    and `DatabaseUnavailable`.
    """

    def __init__(
        self,
        *,
        files: FileRepository,
        records: RecordSurvey,
        usages: UsageRepository,
        store: ObjectStore,
        listing: StoreListing,
        key_prefix: str,
        before: datetime,
    ) -> None:
        self._files = files
        self._records = records
        self._usages = usages
        self._store = store
        self._listing = listing
        self._prefix = f"{key_prefix.strip('/')}/".lstrip("/")
        self._before = before
        self._tally = Tally()

    async def overdue(self) -> AsyncIterator[Batch]:
        """The pending records past their end."""
        last: FileRecord | None = None
        while page := await self._files.due(self._before, after=last, limit=PAGE):
            yield Batch(len(page), [_overdue(record) for record in page])
            last = page[-1]

    async def objects(self) -> AsyncIterator[Batch]:
        """Every object, in the light of its record."""
        async for page in self._listing.list_objects(self._prefix):
            records = await self._records.by_keys([listed.key for listed in page])
            self._tally.add(record.id for record in records.values() if has_object(record))
            suspects = [found for found in page if self._is_suspect(records.get(found.key), found)]
            yield Batch(len(page), await _found(self._examine_object, suspects))

    async def uploads(self) -> AsyncIterator[Batch]:
        """Every unfinished multipart upload, likewise."""
        async for page in self._listing.unfinished_uploads(self._prefix):
            records = await self._records.by_keys([upload.key for upload in page])
            suspects = [
                upload
                for upload in page
                if upload.initiated <= self._before
                and judge_upload(records.get(upload.key), upload.upload_id, before=self._before)
            ]
            yield Batch(len(page), await _found(self._examine_upload, suspects))

    async def missing(self) -> AsyncIterator[Batch]:
        """Every record, once `objects` has seen every object."""
        async for page in self._entries():
            self._tally.remove(entry.id for entry in page if entry.has_object)
            yield Batch(len(page))
        if self._tally.is_even():
            return
        async for page in self._entries():
            suspects = [entry for entry in page if self._tally.suspects(entry.id)]
            yield Batch(0, await _found(self._examine_entry, suspects))

    async def miscounts(self) -> AsyncIterator[Batch]:
        """Every owner."""
        last = ""
        while owners := await self._usages.owners(after=last, limit=OWNERS):
            wrong = await self._records.miscounts(owners)
            yield Batch(len(owners), [_miscount(*pair) for pair in wrong.items()])
            last = owners[-1]

    async def _entries(self) -> AsyncIterator[Sequence[Entry]]:
        last: UUID | None = None
        while page := await self._records.entries(after=last, limit=PAGE):
            yield page
            last = page[-1].id

    def _is_suspect(self, record: FileRecord | None, listed: ListedObject) -> bool:
        differs = record is not None and listed_otherwise(record, listed)
        verdict = judge_object(record, differs=differs, before=self._before)
        return verdict is not None and listed.last_modified <= self._before

    async def _examine_object(self, listed: ListedObject) -> Finding | None:
        observed = await self._store.head(listed.key)
        if observed is None:
            return None
        record = await self._record(listed.key)
        reasons = discrepancies(record, observed) if record else []
        kind = judge_object(record, differs=bool(reasons), before=self._before)
        detail = "; ".join(reasons) if kind is Kind.OBJECT_CHANGED else f"{observed.size} bytes"
        if kind is None:
            return None
        return _stored(kind, listed.key, record, listed.last_modified, detail=detail)

    async def _examine_upload(self, upload: UnfinishedUpload) -> Finding | None:
        if upload.upload_id not in await self._store.multipart_uploads(upload.key):
            return None
        record = await self._record(upload.key)
        kind = judge_upload(record, upload.upload_id, before=self._before)
        if kind is None:
            return None
        return _stored(kind, upload.key, record, upload.initiated, upload_id=upload.upload_id)

    async def _examine_entry(self, entry: Entry) -> Finding | None:
        if await self._store.head(entry.key) is not None:
            return None
        record = await self._files.load(entry.id)
        if record is None or not has_object(record):
            return None
        asked = await self._records.deletion_asked(record.id)
        if asked is None:
            return _of(Kind.OBJECT_MISSING, record, f"the record is {record.status}")
        if asked > self._before:
            return None
        return _of(Kind.DELETION_UNFINISHED, record, f"asked for at {asked:%Y-%m-%dT%H:%M:%SZ}")

    async def _record(self, key: str) -> FileRecord | None:
        return (await self._records.by_keys([key])).get(key)


async def _found(
    examine: Callable[[T], Awaitable[Finding | None]], suspects: Iterable[T]
) -> list[Finding]:
    return [finding for finding in await each(examine, suspects) if finding]


def _of(kind: Kind, record: FileRecord, detail: str) -> Finding:
    return Finding(kind=kind, key=record.key, file_id=record.id, owner=record.owner, detail=detail)


def _overdue(record: FileRecord) -> Finding:
    return _of(Kind.UPLOAD_OVERDUE, record, f"ended at {record.ends_at:%Y-%m-%dT%H:%M:%SZ}")


def _stored(
    kind: Kind,
    key: str,
    record: FileRecord | None,
    at: datetime,
    *,
    detail: str = "",
    upload_id: str = "",
) -> Finding:
    return Finding(
        kind=kind,
        file_id=record.id if record else None,
        owner=record.owner if record else "",
        key=key,
        upload_id=upload_id,
        at=at,
        detail=detail,
    )


def _miscount(owner: str, missing: Usage) -> Finding:
    used, reserved = missing.used, missing.reserved
    detail = (
        f"to add: {used.files:+} files and {used.bytes:+} bytes used, "
        f"{reserved.files:+} files and {reserved.bytes:+} bytes reserved"
    )
    return Finding(kind=Kind.USAGE_MISCOUNTED, owner=owner, detail=detail)
