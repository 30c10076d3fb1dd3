"""Putting right what a survey found, each by the way that the service itself goes."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from app.domain.file import FileRecord
from app.domain.ports import FileRepository, ObjectStore, UsageRepository
from app.domain.reconciliation import STRANGE_FOR, Finding, Kind, RecordSurvey, judge_upload
from app.exceptions.errors import RetryableError, VerificationFailed
from app.service.removal import RemovalService
from app.service.sweep import NOT_THERE, SweepService

log = structlog.get_logger(__name__)


class RepairService:
    """Looks at each record anew, and leaves alone what has moved on since it was found.

    What a live record stands for is never removed. Any of it may be done again.
    """

    def __init__(
        self,
        *,
        files: FileRepository,
        records: RecordSurvey,
        usages: UsageRepository,
        store: ObjectStore,
        removal: RemovalService,
        sweep: SweepService,
        clock: Callable[[], datetime],
    ) -> None:
        self._files = files
        self._records = records
        self._usages = usages
        self._store = store
        self._removal = removal
        self._sweep = sweep
        self._clock = clock

    async def repair(self, finding: Finding) -> bool:
        """Whether all is well now; False for what only a person can put right, and for what the
        store or the database did not let be done."""
        try:
            return await self._repair(finding)
        except NOT_THERE:
            return False
        except RetryableError as error:
            log.warning("repair_failed", kind=finding.kind, key=finding.key, code=error.code)
            return False

    async def _repair(self, finding: Finding) -> bool:
        match finding.kind, finding.file_id:
            case Kind.UPLOAD_OVERDUE, UUID() as file_id:
                await self._end(file_id)
            case Kind.UPLOAD_UNREPORTED, UUID() as file_id:
                await self._finish(file_id)
            case Kind.DELETION_UNFINISHED, UUID() as file_id:
                await self._removal.finish_deletion(file_id)
            case ((Kind.OBJECT_LEFT_OVER | Kind.PARTS_LEFT_OVER), UUID() as file_id):
                await self._removal.discard(file_id)
            case Kind.PARTS_STRAY, _:
                return await self._abort_stray(finding)
            case ((Kind.OBJECT_UNKNOWN | Kind.PARTS_UNKNOWN), _):
                return await self._remove(finding)
            case Kind.USAGE_MISCOUNTED, _:
                await self._usages.recount(finding.owner)
            case _:
                return False
        return True

    async def _end(self, file_id: UUID) -> None:
        record = await self._pending(file_id)
        if record is not None and record.ends_at <= self._clock():
            await self._sweep.end(record)
            await self._removal.discard(file_id)

    async def _finish(self, file_id: UUID) -> None:
        record = await self._pending(file_id)
        if record is not None:
            try:
                await self._sweep.finish(record)
            except VerificationFailed:  # so the record has failed
                await self._removal.discard(file_id)

    async def _abort_stray(self, finding: Finding) -> bool:
        record = await self._of(finding)
        verdict = judge_upload(record, finding.upload_id, before=self._clock())
        if verdict is Kind.PARTS_STRAY:
            await self._store.abort_multipart(finding.key, finding.upload_id)
        return verdict in (None, Kind.PARTS_STRAY)

    async def _remove(self, finding: Finding) -> bool:
        is_old = finding.at is not None and finding.at <= self._clock() - STRANGE_FOR
        if not is_old or await self._of(finding) is not None:
            return False
        if finding.kind is Kind.PARTS_UNKNOWN:
            await self._store.abort_multipart(finding.key, finding.upload_id)
        else:
            await self._store.delete(finding.key)
        return True

    async def _of(self, finding: Finding) -> FileRecord | None:
        return (await self._records.by_keys([finding.key])).get(finding.key)

    async def _pending(self, file_id: UUID) -> FileRecord | None:
        record = await self._files.load(file_id)
        return record if record is not None and record.is_pending else None
