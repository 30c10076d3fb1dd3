"""What the services ask of the outside world, in shapes that fit every provider."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol
from uuid import UUID

from app.domain.change import Changes, Position, Whose
from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.job import Job
from app.domain.parts import StoredPart
from app.domain.usage import Limits, Standing, Usage


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; the instruction given to a client follows from it. Sizes in bytes."""

    name: str
    post_form: bool
    write_once: bool
    """The store honours `If-None-Match: *` on PutObject, so a URL writes at most once."""
    checksums: frozenset[ChecksumAlgorithm]
    """The algorithms that the store verifies on a single PUT."""
    max_put_size: int
    max_object_size: int
    multipart_checksums: frozenset[ChecksumAlgorithm]
    """The algorithms of a full-object checksum that the store verifies at the completion of a
    multipart upload."""
    multipart_write_once: bool
    """The store honours `If-None-Match: *` on CompleteMultipartUpload."""
    virtual_hosts: bool
    """Virtual-hosted addressing (bucket in the host name) unless the setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSpec:
    """One object exactly as it may be written: anything else must be refused by the store."""

    key: str
    type: str
    size: int
    checksum: Checksum | None = None

    @classmethod
    def of(cls, record: FileRecord) -> "UploadSpec":
        """The object that the record declares."""
        return cls(
            key=record.key, type=record.type, size=record.file_size, checksum=record.checksum
        )


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that the holder may make until `expires_at`.

    `headers` is exactly what the client must send (browsers add Content-Length themselves);
    `fields` is the complete form of a POST, in the order to send, the file after them.
    """

    method: str
    url: str = field(repr=False)
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedObject:
    """What the store says of an object. `etag` is without its quotes."""

    size: int
    type: str
    etag: str
    version_id: str | None = None
    checksums: Mapping[ChecksumAlgorithm, str] = field(default_factory=dict)
    """Full-object checksums that the store reports, base64."""


@dataclass(frozen=True, slots=True)
class SignedParts:
    """A URL for each of the asked part numbers, in their order; all end at `expires_at`."""

    urls: Sequence[str] = field(repr=False)
    expires_at: datetime


class Assembly(Enum):
    """What became of the wish to make one object of the parts."""

    DONE = "done"
    GONE = "gone"
    """There is no such upload: it was completed before, or aborted."""
    EXISTS = "exists"
    """Write-once: there is an object under the key already."""
    PARTS_DIFFER = "parts differ"
    """A part is not there, or not as it was listed; the upload goes on."""
    CHECKSUM_DIFFERS = "checksum differs"
    """The parts do not have the declared full-object checksum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """An object as a listing shows it. `size` in bytes, `etag` without its quotes."""

    key: str
    size: int
    etag: str
    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedUpload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    initiated: datetime


class UploadGone(Exception):
    """The store has no such multipart upload: it was completed, aborted, or never begun."""


class ObjectStore(Protocol):
    """An object store that refuses what was not signed.

    Signing never calls the store (it may wait for credentials to refresh); everything else does,
    and raises `StorageUnavailable` when it does not answer within its bounds.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    async def presign_upload(
        self, spec: UploadSpec, method: UploadMethod, expires_in: int
    ) -> SignedRequest:
        """Sign exactly `spec` for `expires_in` seconds, or the credentials' life if less."""
        ...

    async def presign_download(
        self, key: str, *, type: str, disposition: str, expires_in: int
    ) -> SignedRequest:
        """Sign a GET whose answer carries this Content-Type and Content-Disposition."""
        ...

    async def create_multipart(self, spec: UploadSpec) -> str:
        """Begin a multipart upload of exactly `spec`; returns the store's id for it."""
        ...

    async def presign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], expires_in: int
    ) -> SignedParts:
        """Sign an UploadPart for each number; only `host` is signed among the headers.

        However many they are, the event loop is not held up.
        """
        ...

    def parts(self, key: str, upload_id: str) -> AsyncIterator[Sequence[StoredPart]]:
        """The parts that the store holds, in pages, ascending by number. Raises `UploadGone`."""
        ...

    async def complete_multipart(
        self, spec: UploadSpec, upload_id: str, parts: Sequence[StoredPart]
    ) -> Assembly:
        """Make one object of `parts`, which ascend by number and make up all of `spec`.

        When `StorageUnavailable` is raised the store may have done it all the same.
        """
        ...

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Abort one upload, again until none of its parts is left; one that is gone succeeds."""
        ...

    async def multipart_uploads(self, key: str) -> list[str]:
        """The ids of all unfinished uploads under exactly this key."""
        ...

    async def head(self, key: str) -> ObservedObject | None:
        """What is stored under `key`, or None."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object with all its versions; removing what is not there succeeds."""
        ...

    async def ping(self) -> None:
        """Raise `StorageUnavailable` unless the bucket answers."""
        ...


class StoreListing(Protocol):
    """A store that tells what it holds. A page is all that is ever in memory; a prefix is text
    that keys begin with, a folder or not."""

    def list_objects(self, prefix: str) -> AsyncIterator[Sequence[ListedObject]]:
        """Every object under the prefix, in pages, ascending by key."""
        ...

    def unfinished_uploads(self, prefix: str) -> AsyncIterator[Sequence[UnfinishedUpload]]:
        """Every unfinished multipart upload under the prefix, in pages, in any order."""
        ...


class FileRepository(Protocol):
    """The records, their events and the idempotency keys. Deleted records are never found.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer; then nothing was
    written, or all of it was.
    """

    async def insert(self, record: FileRecord, event: FileEvent) -> None:
        """Commit a new record with its first event and its reservation. Raises `QuotaExceeded`."""
        ...

    async def insert_many(self, created: Sequence[tuple[FileRecord, FileEvent]]) -> None:
        """Commit all of them or none. Raises `QuotaExceeded`."""
        ...

    async def insert_once(
        self, claim: IdempotencyClaim, created: Sequence[tuple[FileRecord, FileEvent]]
    ) -> EarlierUse | None:
        """Commit all of them with the claim; or nothing, and say what the key was used for.

        Raises `QuotaExceeded`; then the key is not used either.
        """
        ...

    async def find(
        self, owner: str, *, id: UUID | None = None, key: str | None = None
    ) -> FileRecord | None:
        """The owner's file with that id or key."""
        ...

    async def find_all(self, owner: str, ids: Sequence[UUID]) -> list[FileRecord]:
        """The owner's files among `ids`, in that order."""
        ...

    async def page(
        self,
        owner: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[FileRecord]:
        """Up to `limit` of the owner's files, newest (greatest id) first, older than `before`."""
        ...

    async def move(
        self,
        before: FileRecord,
        after: FileRecord,
        events: Sequence[FileEvent],
        jobs: Sequence[Job] = (),
    ) -> bool:
        """Compare and set: replace `before` by `after`, append the events, defer the jobs and
        settle the owner's usage, in one transaction.

        False, with nothing written, when status, `ends_at` or `upload_id` are no longer those of
        `before` or the record has been deleted.
        """
        ...

    async def extend(
        self, record: FileRecord, *, expires_at: datetime, ends_at: datetime, event: FileEvent
    ) -> bool:
        """Put off the end of a pending record, never to an earlier time, and tell of it.

        Concurrent calls add up. False, with nothing written, when it is pending no longer or ended
        before the event.
        """
        ...

    async def append(self, record: FileRecord, event: FileEvent, jobs: Sequence[Job] = ()) -> None:
        """Add to the audit trail of a file that stays as it is, and defer the jobs with it."""
        ...

    async def events(
        self, owner: str, file_id: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[FileEvent] | None:
        """Up to `limit` events whose id is greater than `after`, oldest first.

        None when the owner has no such file.
        """
        ...

    async def load(self, file_id: UUID) -> FileRecord | None:
        """A record whoever owns it, deleted or not: for the worker alone."""
        ...

    async def due(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        """Up to `limit` pending records whose `ends_at` is not after `now`, first ends first.

        `after`, the last of one batch, leads to the next.
        """
        ...

    async def due_removals(
        self, now: datetime, *, after: FileRecord | None = None, limit: int
    ) -> list[FileRecord]:
        """Likewise, the failed and deleted records whose `remove_at` is not after `now`."""
        ...

    async def put_off_removal(self, record: FileRecord, remove_at: datetime | None) -> None:
        """Set `remove_at` of a failed or deleted record, unless somebody else has changed it."""
        ...

    async def forget_claims(self, before: datetime, *, limit: int) -> int:
        """Drop up to `limit` idempotency keys last used before that; returns how many."""
        ...


class UsageRepository(Protocol):
    """What each owner holds and may hold; the files' repository counts it with every change.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer.
    """

    async def standing(self, owner: str) -> Standing:
        """The usage of an owner and the limits that count for them."""
        ...

    async def set_limits(self, owner: str, limits: Limits | None) -> None:
        """Give an owner limits of their own, or with None the default ones again."""
        ...

    async def owners(self, *, after: str = "", limit: int) -> list[str]:
        """Up to `limit` owners who hold or held something, each greater than `after`, in order."""
        ...

    async def recount(self, owner: str) -> Usage:
        """Make the counters what the owner's records say; returns what had to be added.

        Exact however many files come and go meanwhile.
        """
        ...


class ChangeFeed(Protocol):
    """Committed changes of files, by position. Raises `DatabaseUnavailable`."""

    async def head(self) -> Position:
        """A position after everything that can be read by now."""
        ...

    async def since(self, after: Position, *, limit: int, of: Whose | None = None) -> Changes:
        """The first `limit` changes after that: everybody's, or those `of` somebody alone.

        Of a file that is not that owner's there are none.
        """
        ...
