"""The end of a multipart upload: what has arrived, complete, abort.

Key and upload id come from the record alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.event import user
from app.domain.failure import ABORTED, PARTS_DIFFER
from app.domain.file import FileRecord, FileStatus, illegal
from app.domain.parts import PartsVerdict, Range, StoredPart
from app.domain.policy import Policies
from app.domain.ports import Assembly, FileRepository, ObjectStore, UploadGone, UploadSpec
from app.domain.principal import Principal
from app.domain.transition import on_arrival
from app.exceptions.errors import (
    FileTooLarge,
    ObjectMissing,
    PartsIncomplete,
    StorageUnavailable,
    UploadExpired,
)
from app.service.completion import Completion
from app.service.ownership import owned
from app.service.removal import RemovalService
from app.service.settling import until_settled

_GONE = "The store no longer has this upload: it was ended there. Start again with a new upload."
_SEND = (
    "The parts in the store do not make up the file yet: send those that are named, then complete "
    "again."
)
_CONTRADICTS = "The store speaks of an object that it does not show yet; try again."


@dataclass(frozen=True, slots=True)
class HeldParts:
    """What the store holds of an upload, and the part numbers still to send."""

    parts: Sequence[StoredPart]
    missing: Sequence[Range]
    uploaded_bytes: int


class MultipartService:
    """Makes one object of the parts, or none."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        completion: Completion,
        removal: RemovalService,
        policies: Policies,
    ) -> None:
        self._repository = repository
        self._store = store
        self._completion = completion
        self._removal = removal
        self._policies = policies

    async def held_parts(self, principal: Principal, file_id: UUID) -> HeldParts:
        """What has arrived so far; of a file that is `uploaded` or further, all of it.

        Raises `NotFound`, `InvalidRequest` (not a multipart upload), and `UploadExpired` for one
        that failed or that the store has ended.
        """
        record = await owned(self._repository, principal.subject, id=file_id)
        plan = record.plan
        if record.status is FileStatus.FAILED:
            raise UploadExpired("This upload has failed; start again with a new upload.")
        stored = await self._stored(record) if record.status is FileStatus.PENDING else None
        if stored is None:
            return await self._assembled(record)
        return HeldParts(stored, plan.unsent(stored), plan.usable_bytes(stored))

    async def complete(
        self, principal: Principal, file_id: UUID, claimed: Mapping[int, str] | None = None
    ) -> FileRecord:
        """Have the store make one object of the parts, and verify it.

        `claimed` is the client's own list, ETags by part number. Raises `NotFound`,
        `InvalidRequest`, `PartsIncomplete` (nothing is lost, the upload goes on), `FileTooLarge`,
        `UploadExpired`, `IllegalTransition`, `VerificationFailed` and `StorageUnavailable` (it may
        be done all the same: repeat it).
        """

        async def attempt(record: FileRecord) -> FileRecord | None:
            record.plan.check(claimed or (), "parts")
            if record.status is FileStatus.FAILED:
                raise illegal(record.status, FileStatus.UPLOADED)
            if record.status is not FileStatus.PENDING:
                return record
            target = on_arrival(record, self._policies)
            return await self.finish(record, target, user(principal.subject), claimed)

        return await until_settled(
            lambda: owned(self._repository, principal.subject, id=file_id), attempt
        )

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
        outcome = await self._assembled_now(record, claimed)
        if outcome is Assembly.CHECKSUM_DIFFERS:
            await self._completion.refuse(record, [PARTS_DIFFER], actor)
            return None
        try:
            return await self._completion.verify_and_finish(record, target, actor)
        except ObjectMissing:
            if not await self._is_pending(record):
                return None  # Another call aborted or deleted it in the meantime.
            if outcome is Assembly.GONE:
                raise UploadExpired(_GONE) from None
            raise StorageUnavailable(_CONTRADICTS) from None

    async def abort(self, principal: Principal, file_id: UUID) -> FileRecord:
        """Fail the record, and remove its parts from the store; on a failed one, remove them again.

        Raises `NotFound`, `InvalidRequest`, `IllegalTransition`, and `StorageUnavailable`: the
        record has failed all the same, and the worker goes on.
        """

        async def attempt(record: FileRecord) -> FileRecord | None:
            _ = record.plan
            if record.status is FileStatus.FAILED:
                return record
            if record.status is not FileStatus.PENDING:
                raise illegal(record.status, FileStatus.FAILED)
            return await self._completion.record_move(
                record, FileStatus.FAILED, user(principal.subject), ABORTED
            )

        failed = await until_settled(
            lambda: owned(self._repository, principal.subject, id=file_id), attempt
        )
        await self._removal.clear(failed)
        return failed

    async def _is_pending(self, record: FileRecord) -> bool:
        now = await self._repository.load(record.id)
        return now is not None and now.is_pending

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
        if record.status is not FileStatus.PENDING:
            return HeldParts((), (), record.file_size)
        observed = await self._store.head(record.key)
        if observed is None:
            raise UploadExpired(_GONE)
        return HeldParts((), (), observed.size)

    async def _assembled_now(
        self, record: FileRecord, claimed: Mapping[int, str] | None
    ) -> Assembly:
        stored = await self._stored(record)
        if stored is None:
            return Assembly.GONE
        try:
            return await self._assemble(record, stored, claimed)
        except PartsIncomplete:
            # SeaweedFS drops the parts one by one after it has put them together for another call.
            if await self._store.head(record.key) is None:
                raise
            return Assembly.GONE

    async def _assemble(
        self,
        record: FileRecord,
        stored: Sequence[StoredPart],
        claimed: Mapping[int, str] | None,
    ) -> Assembly:
        verdict = record.plan.judge(stored, claimed)
        if claimed is not None and record.size_is_limit:
            _check_limit(record, verdict.wrong_total)
        if record.upload_id is None or not verdict.is_complete:
            raise _incomplete(record, verdict)
        parts = record.plan.chosen(stored, claimed)
        spec = UploadSpec.of(record)
        outcome = await self._store.complete_multipart(spec, record.upload_id, parts)
        if outcome is Assembly.PARTS_DIFFER:
            raise PartsIncomplete("The parts changed while they were put together; try again.")
        # Where it EXISTS nothing is aborted: SeaweedFS says so too while it finishes this very
        # upload for another call, and an abort would take the object's bytes with the parts.
        return outcome


def _incomplete(record: FileRecord, verdict: PartsVerdict) -> PartsIncomplete:
    return PartsIncomplete(
        _SEND if verdict.wrong_total is None else _wrong_total(record, verdict.wrong_total),
        missing=verdict.missing,
        wrong_size=verdict.wrong_size,
        wrong_etag=verdict.wrong_etag,
    )


def _wrong_total(record: FileRecord, total: int) -> str:
    if record.size_is_limit:
        return "Only the client knows whether these are all parts: complete with a list of them."
    return f"The parts have {total} bytes in all, declared were {record.file_size}."


def _check_limit(record: FileRecord, total: int | None) -> None:
    if total is not None:
        raise FileTooLarge(
            f"The parts have {total} bytes in all, at most {record.file_size} are allowed.",
            max_size=record.file_size,
        )
