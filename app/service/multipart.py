"""A file in parts: begin, sign, list, complete, abort. The client names parts, never the upload."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.event import url_issued, user
from app.domain.file import FileRecord, FileStatus, UploadMethod, illegal
from app.domain.parts import PartPlan, PartsVerdict, Range, StoredPart, judge, unsent
from app.domain.policy import Policies
from app.domain.ports import (
    Assembly,
    FileRepository,
    ObjectStore,
    SignedParts,
    UploadGone,
    UploadSpec,
)
from app.domain.principal import Principal
from app.domain.transition import intended
from app.exceptions.errors import (
    FieldError,
    InvalidRequest,
    NotFound,
    ObjectMissing,
    PartsIncomplete,
    UploadExpired,
)
from app.service.completion import Completion
from app.service.removal import RemovalService
from app.service.settling import until_settled

FIRST_PARTS = 100
"""Part URLs that come with the answer to a creation."""

_GONE = "The store no longer has this upload: it was ended there. Start again with a new upload."


@dataclass(frozen=True, slots=True)
class IssuedParts:
    """URLs for the parts `numbers` of a record, in that order."""

    record: FileRecord
    plan: PartPlan
    numbers: Sequence[int]
    signed: SignedParts


@dataclass(frozen=True, slots=True)
class HeldParts:
    """What the store holds of an upload, and the part numbers still to send."""

    parts: Sequence[StoredPart]
    missing: Sequence[Range]
    uploaded_bytes: int


class MultipartService:
    """Everything about uploads in parts. Key and upload id come from the record alone."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        completion: Completion,
        removal: RemovalService,
        policies: Policies,
        clock: Callable[[], datetime],
        on_parts_issued: Callable[[int], None],
    ) -> None:
        self._repository = repository
        self._store = store
        self._completion = completion
        self._removal = removal
        self._policies = policies
        self._clock = clock
        self._on_parts_issued = on_parts_issued

    async def begin(self, record: FileRecord, lifetime: int) -> IssuedParts:
        """Begin the upload of a record just committed, and sign its first parts.

        Raises `StorageUnavailable`: the record stays, without an upload, and soon ends.
        """
        upload_id = await self._store.create_multipart(_spec(record))
        return await self._attach(record, upload_id, lifetime)

    async def resume(self, principal: Principal, record: FileRecord, lifetime: int) -> IssuedParts:
        """Sign the first parts of a pending record again, whether its upload had begun or not."""
        if record.upload_id is not None:
            return await self._sign(principal, record, _first_of(record), lifetime)
        # A process may have ended between beginning the upload and recording it.
        begun = await self._store.multipart_uploads(record.key)
        if begun:
            return await self._attach(record, begun[0], lifetime)
        return await self.begin(record, lifetime)

    async def sign_parts(
        self,
        principal: Principal,
        file_id: UUID,
        numbers: Sequence[int],
        expires_in: int | None = None,
    ) -> IssuedParts:
        """Sign these parts of an upload that has not ended.

        Raises `InvalidRequest` (not a multipart upload, or no such part) and `UploadExpired`.
        """
        record = await self._get(principal, file_id)
        _check_numbers(_plan(record), numbers)
        lifetime = self._policies.lifetime(record.policy, expires_in)
        self._check_alive(record)
        if record.upload_id is None:
            record = (await self.resume(principal, record, lifetime)).record
        return await self._sign(principal, record, numbers, lifetime)

    async def held_parts(self, principal: Principal, file_id: UUID) -> HeldParts:
        """What has arrived so far; of a file that is `uploaded` or further, all of it.

        Raises `UploadExpired` for one that failed, or whose upload the store has ended.
        """
        record = await self._get(principal, file_id)
        plan = _plan(record)
        if record.status is FileStatus.FAILED:
            raise UploadExpired("This upload has failed; start again with a new upload.")
        stored = await self._stored(record) if record.status is FileStatus.PENDING else None
        if stored is None:
            return await self._assembled(record)
        right = [part for part in stored if part.size == _size_of(plan, part.number)]
        return HeldParts(stored, unsent(plan, stored), sum(part.size for part in right))

    async def complete(
        self, principal: Principal, file_id: UUID, claimed: Mapping[int, str] | None = None
    ) -> FileRecord:
        """Have the store make one object of the parts, and verify it.

        `claimed` is the client's own list, ETags by part number. Raises `PartsIncomplete` (nothing
        is lost, the upload goes on), `UploadExpired`, `IllegalTransition`, `VerificationFailed` and
        `StorageUnavailable` (it may be done all the same: repeat it).
        """

        async def attempt(record: FileRecord) -> FileRecord | None:
            _check_numbers(_plan(record), tuple(claimed or ()))
            if record.status is FileStatus.FAILED:
                raise illegal(record.status, FileStatus.UPLOADED)
            if record.status is not FileStatus.PENDING:
                return record
            target = intended(
                record.status, FileStatus.UPLOADED, self._policies.auto_completes(record.policy)
            )
            return await self.finish(record, target, user(principal.subject), claimed)

        return await until_settled(lambda: self._get(principal, file_id), attempt)

    async def finish(
        self,
        record: FileRecord,
        target: FileStatus,
        actor: str,
        claimed: Mapping[int, str] | None = None,
    ) -> FileRecord | None:
        """The pending record at `target`; None when it moved in the meantime. Raises as `complete`.

        Whatever an earlier attempt achieved before its answer was lost is found and used.
        """
        stored = await self._stored(record)
        if stored is not None:
            outcome = await self._assemble(record, stored, claimed)
            if outcome is Assembly.CHECKSUM_DIFFERS:
                await self._completion.refuse(record, ["the parts have another checksum"], actor)
                return None
        try:
            return await self._completion.verify_and_finish(record, target, actor)
        except ObjectMissing:
            raise UploadExpired(_GONE) from None

    async def abort(self, principal: Principal, file_id: UUID) -> FileRecord:
        """Fail the record, and remove its parts from the store; on a failed one, remove them again.

        Raises `StorageUnavailable`: the record has failed all the same, and the worker goes on.
        """

        async def attempt(record: FileRecord) -> FileRecord | None:
            _plan(record)
            if record.status is FileStatus.FAILED:
                return record
            if record.status is not FileStatus.PENDING:
                raise illegal(record.status, FileStatus.FAILED)
            return await self._completion.record_move(
                record, FileStatus.FAILED, user(principal.subject), "aborted"
            )

        failed = await until_settled(lambda: self._get(principal, file_id), attempt)
        await self._removal.clear(failed)
        return failed

    async def _get(self, principal: Principal, file_id: UUID) -> FileRecord:
        record = await self._repository.find(principal.subject, id=file_id)
        if record is None:
            raise NotFound("There is no such file, or it is not yours.")
        return record

    async def _attach(self, record: FileRecord, upload_id: str, lifetime: int) -> IssuedParts:
        numbers = _first_of(record)
        signed = await self._store.presign_parts(record.key, upload_id, numbers, lifetime)
        now = self._clock()
        begun = dataclasses.replace(
            record,
            upload_id=upload_id,
            updated_at=now,
            expires_at=signed.expires_at,
            ends_at=self._ends(record, signed.expires_at, now),
        )
        if not await self._repository.move(record, begun, []):
            await self._store.abort_multipart(record.key, upload_id)
            raise UploadExpired("This upload was begun or ended elsewhere; ask again.")
        return self._issued(begun, numbers, signed)

    async def _sign(
        self, principal: Principal, record: FileRecord, numbers: Sequence[int], lifetime: int
    ) -> IssuedParts:
        if record.upload_id is None:
            raise UploadExpired(_GONE)
        signed = await self._store.presign_parts(record.key, record.upload_id, numbers, lifetime)
        now = self._clock()
        renewed = dataclasses.replace(
            record,
            updated_at=now,
            expires_at=max(record.expires_at, signed.expires_at),
            ends_at=max(record.ends_at, self._ends(record, signed.expires_at, now)),
        )
        event = url_issued(
            principal.subject, record.method, signed.expires_at, now, parts=len(numbers)
        )
        if not await self._repository.extend(
            record, expires_at=renewed.expires_at, ends_at=renewed.ends_at, event=event
        ):
            raise UploadExpired("This upload has ended in the meantime.")
        return self._issued(renewed, numbers, signed)

    def _issued(
        self, record: FileRecord, numbers: Sequence[int], signed: SignedParts
    ) -> IssuedParts:
        self._on_parts_issued(len(numbers))
        return IssuedParts(record, _plan(record), numbers, signed)

    def _ends(self, record: FileRecord, expires_at: datetime, now: datetime) -> datetime:
        return self._policies.multipart_ends(record.policy, record.created_at, expires_at, now)

    def _check_alive(self, record: FileRecord) -> None:
        if record.status is not FileStatus.PENDING:
            raise UploadExpired(f"This upload has ended: the file is {record.status}.")
        if self._clock() >= record.ends_at:
            raise UploadExpired("This upload has ended; start again with a new upload.")

    async def _stored(self, record: FileRecord) -> list[StoredPart] | None:
        """The parts in the store, or None when the store has no such upload."""
        if record.upload_id is None:
            return []
        try:
            pages = self._store.parts(record.key, record.upload_id)
            return [part async for page in pages for part in page]
        except UploadGone:
            return None

    async def _assembled(self, record: FileRecord) -> HeldParts:
        if record.status is FileStatus.PENDING and await self._store.head(record.key) is None:
            raise UploadExpired(_GONE)
        return HeldParts((), (), record.file_size)

    async def _assemble(
        self,
        record: FileRecord,
        stored: Sequence[StoredPart],
        claimed: Mapping[int, str] | None,
    ) -> Assembly:
        plan = _plan(record)
        verdict = judge(plan, stored, claimed)
        if record.upload_id is None or not verdict.is_complete:
            raise _incomplete(verdict)
        parts = [part for part in stored if plan.is_planned(part.number)]
        outcome = await self._store.complete_multipart(_spec(record), record.upload_id, parts)
        if outcome is Assembly.PARTS_DIFFER:
            raise PartsIncomplete("The parts changed while they were put together; try again.")
        if outcome is Assembly.EXISTS:
            await self._store.abort_multipart(record.key, record.upload_id)
        return outcome


def _plan(record: FileRecord) -> PartPlan:
    if record.method is not UploadMethod.MULTIPART or record.plan is None:
        raise InvalidRequest(
            f"This file is uploaded by {record.method}, not in parts: ask for a new upload with "
            "method: multipart."
        )
    return record.plan


def _first_of(record: FileRecord) -> range:
    return range(1, min(_plan(record).part_count, FIRST_PARTS) + 1)


def _size_of(plan: PartPlan, number: int) -> int | None:
    return plan.size_of(number) if plan.is_planned(number) else None


def _check_numbers(plan: PartPlan, numbers: Sequence[int]) -> None:
    beyond = [number for number in numbers if not plan.is_planned(number)]
    if beyond:
        message = f"must be within 1 to {plan.part_count}; {beyond[0]} is not"
        raise InvalidRequest(
            f"This upload has {plan.part_count} parts: every part number {message}.",
            [FieldError("part_numbers", message)],
        )


def _incomplete(verdict: PartsVerdict) -> PartsIncomplete:
    return PartsIncomplete(
        "The parts in the store do not make up the file yet: send those that are named, then "
        "complete again.",
        missing=verdict.missing,
        wrong_size=verdict.wrong_size,
        wrong_etag=verdict.wrong_etag,
    )


def _spec(record: FileRecord) -> UploadSpec:
    return UploadSpec(
        key=record.key, type=record.type, size=record.file_size, checksum=record.checksum
    )
