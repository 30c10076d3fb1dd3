"""What the services ask of the outside world, in shapes that fit every provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.idempotency import EarlierUse, IdempotencyClaim


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
    virtual_hosts: bool
    """Virtual-hosted addressing (bucket in the host name) unless the setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSpec:
    """One object exactly as it may be written: anything else must be refused by the store."""

    key: str
    type: str
    size: int
    checksum: Checksum | None = None


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


class ObjectStore(Protocol):
    """An object store that refuses what was not signed.

    Signing never calls the store (it may wait for credentials to refresh); `head`, `delete`
    and `ping` do, and raise `StorageUnavailable` when it does not answer within its bounds.
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

    async def head(self, key: str) -> ObservedObject | None:
        """What is stored under `key`, or None."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object with all its versions; removing what is not there succeeds."""
        ...

    async def ping(self) -> None:
        """Raise `StorageUnavailable` unless the bucket answers."""
        ...


class FileRepository(Protocol):
    """The records, their events and the idempotency keys. Deleted records are never found.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer; then nothing was
    written, or all of it was.
    """

    async def insert(self, record: FileRecord, event: FileEvent) -> None:
        """Commit a new record with its first event."""
        ...

    async def insert_many(self, created: Sequence[tuple[FileRecord, FileEvent]]) -> None:
        """Commit all of them or none."""
        ...

    async def insert_once(
        self, claim: IdempotencyClaim, created: Sequence[tuple[FileRecord, FileEvent]]
    ) -> EarlierUse | None:
        """Commit all of them with the claim; or nothing, and say what the key was used for."""
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
        self, before: FileRecord, after: FileRecord, events: Sequence[FileEvent]
    ) -> bool:
        """Compare and set: replace `before` by `after` and append the events in one transaction.

        False, with nothing written, when the status is no longer that of `before` or the record
        has been deleted.
        """
        ...

    async def append(self, record: FileRecord, event: FileEvent) -> None:
        """Add to the audit trail of a file that stays as it is."""
        ...

    async def events(
        self, owner: str, file_id: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[FileEvent] | None:
        """Up to `limit` events whose id is greater than `after`, oldest first.

        None when the owner has no such file.
        """
        ...
