"""What stores are told and tell, in shapes that fit every provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import FileRecord


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
    """One object exactly as it may be written: anything else must be refused by the store.

    With `size_is_limit` it may be smaller, which only a POST form can say.
    """

    key: str
    type: str
    size: int
    checksum: Checksum | None = None
    size_is_limit: bool = False

    @classmethod
    def of(cls, record: FileRecord) -> "UploadSpec":
        """The object that the record declares."""
        return cls(
            key=record.key,
            type=record.type,
            size=record.file_size,
            checksum=record.checksum,
            size_is_limit=record.size_is_limit,
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
