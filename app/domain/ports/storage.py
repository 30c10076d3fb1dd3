"""The store of the objects."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from app.domain.file import UploadMethod
from app.domain.parts import StoredPart
from app.domain.ports.objects import (
    Assembly,
    Capabilities,
    ListedObject,
    ObservedObject,
    SignedParts,
    SignedRequest,
    UnfinishedUpload,
    UploadSpec,
)


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
