"""URLs for the parts of a multipart upload: the first ones, and fresh ones for as long as it lives.

Key and upload id come from the record alone.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.event import url_issued
from app.domain.file import FileRecord, FileStatus
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore, SignedParts, UploadSpec
from app.domain.principal import Principal
from app.exceptions.errors import UploadExpired
from app.service.ownership import owned
from app.service.settling import until_settled

FIRST_PARTS = 100
"""Part URLs that come with the answer to a creation, at most: the files of a batch share them, or
a thousand files would make an answer of 50 MB."""


@dataclass(frozen=True, slots=True)
class IssuedParts:
    """URLs for the parts `numbers` of a record, in that order."""

    record: FileRecord
    numbers: Sequence[int]
    signed: SignedParts


class PartUrlService:
    """Begins uploads and signs their parts."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        policies: Policies,
        clock: Callable[[], datetime],
        on_parts_issued: Callable[[int], None],
    ) -> None:
        self._repository = repository
        self._store = store
        self._policies = policies
        self._clock = clock
        self._on_parts_issued = on_parts_issued

    async def begin(self, record: FileRecord, lifetime: int, *, first: int) -> IssuedParts:
        """Begin the upload of a record just committed, and sign its `first` parts.

        Raises `StorageUnavailable`: the record stays, without an upload, and soon ends.
        """
        upload_id = await self._store.create_multipart(UploadSpec.of(record))
        begun = await self._attach(record, upload_id, record.plan.first(first), lifetime)
        return begun or await self.resume(record, lifetime, first=first)

    async def resume(self, record: FileRecord, lifetime: int, *, first: int) -> IssuedParts:
        """Sign the first parts of a pending record again, whether its upload had begun or not."""
        return await self._sign_when_begun(record, record.plan.first(first), lifetime)

    async def sign_parts(
        self,
        principal: Principal,
        file_id: UUID,
        numbers: Sequence[int],
        expires_in: int | None = None,
    ) -> IssuedParts:
        """Sign these parts of an upload that has not ended.

        Raises `NotFound`, `InvalidRequest` (not a multipart upload, or no such part) and
        `UploadExpired`.
        """
        record = await owned(self._repository, principal.subject, id=file_id)
        record.plan.check(numbers, "part_numbers")
        lifetime = self._policies.lifetime(record.policy, expires_in)
        return await self._sign_when_begun(record, numbers, lifetime)

    async def sign_alongside(self, record: FileRecord, numbers: Sequence[int]) -> IssuedParts:
        """Sign these parts of a record just read, for clients that ask for one at a time.

        As long as URLs of it live for half a life yet, these end with them and nothing is written.
        Raises as `sign_parts`.
        """
        record.plan.check(numbers, "part_numbers")
        self._check_alive(record)
        lifetime = self._policies.lifetime(record.policy, None)
        left = int((record.expires_at - self._clock()).total_seconds())
        if record.upload_id is None or 2 * left < lifetime:
            return await self._sign_when_begun(record, numbers, lifetime)
        signed = await self._store.presign_parts(record.key, record.upload_id, numbers, left)
        return self._issued(record, numbers, signed)

    async def _sign_when_begun(
        self, file: FileRecord, numbers: Sequence[int], lifetime: int
    ) -> IssuedParts:
        async def attempt(record: FileRecord) -> IssuedParts | None:
            self._check_alive(record)
            if record.upload_id is not None:
                return await self._sign(record, record.upload_id, numbers, lifetime)
            await self._begin_again(record, numbers, lifetime)
            return None

        return await until_settled(lambda: owned(self._repository, file.owner, id=file.id), attempt)

    async def _begin_again(self, record: FileRecord, numbers: Sequence[int], lifetime: int) -> None:
        # A process may have ended between beginning the upload and recording it.
        found = await self._store.multipart_uploads(record.key)
        upload_id = found[0] if found else await self._store.create_multipart(UploadSpec.of(record))
        await self._attach(record, upload_id, numbers, lifetime)

    def _check_alive(self, record: FileRecord) -> None:
        if record.status is not FileStatus.PENDING:
            raise UploadExpired(f"This upload has ended: the file is {record.status}.")
        if self._clock() >= record.ends_at:
            raise UploadExpired("This upload has ended; start again with a new upload.")

    async def _attach(
        self, record: FileRecord, upload_id: str, numbers: Sequence[int], lifetime: int
    ) -> IssuedParts | None:
        signed = await self._store.presign_parts(record.key, upload_id, numbers, lifetime)
        begun = dataclasses.replace(self._renewed(record, signed.expires_at), upload_id=upload_id)
        if await self._repository.move(record, begun, []):
            return self._issued(begun, numbers, signed)
        # Another request was first, and the upload that it recorded counts: this one, or its own.
        now = await self._repository.load(record.id)
        if now is None or now.upload_id != upload_id:
            await self._store.abort_multipart(record.key, upload_id)
        return None

    async def _sign(
        self, record: FileRecord, upload_id: str, numbers: Sequence[int], lifetime: int
    ) -> IssuedParts | None:
        signed = await self._store.presign_parts(record.key, upload_id, numbers, lifetime)
        renewed = self._renewed(record, signed.expires_at)
        told = url_issued(
            record.owner, record.method, signed.expires_at, renewed.updated_at, parts=len(numbers)
        )
        extended = await self._repository.extend(
            record, expires_at=renewed.expires_at, ends_at=renewed.ends_at, event=told
        )
        return self._issued(renewed, numbers, signed) if extended else None

    def _renewed(self, record: FileRecord, expires_at: datetime) -> FileRecord:
        now = self._clock()
        ends_at = self._policies.multipart_ends(record.policy, record.created_at, expires_at, now)
        return dataclasses.replace(
            record,
            updated_at=now,
            expires_at=max(record.expires_at, expires_at),
            ends_at=max(record.ends_at, ends_at),
        )

    def _issued(
        self, record: FileRecord, numbers: Sequence[int], signed: SignedParts
    ) -> IssuedParts:
        self._on_parts_issued(len(numbers))
        return IssuedParts(record, numbers, signed)
