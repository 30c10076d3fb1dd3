"""Ending what nobody ended: uploads past their end, and bytes that came too late."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol

import structlog

from app.domain.event import SWEEP
from app.domain.failure import EXPIRED
from app.domain.file import FileRecord, FileStatus, UploadMethod
from app.domain.idempotency import WINDOW
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore
from app.domain.transition import on_arrival
from app.exceptions.errors import (
    ObjectMissing,
    PartsIncomplete,
    RetryableError,
    UploadExpired,
    VerificationFailed,
)
from app.service.completion import Completion
from app.service.concurrency import each
from app.service.multipart import MultipartService
from app.service.removal import RemovalService

log = structlog.get_logger(__name__)

BATCH = 500
"""Records read at once."""

NOT_THERE = (ObjectMissing, PartsIncomplete, UploadExpired)
"""What `SweepService.finish` raises for a file that has not, or not all, arrived."""


class _Due(Protocol):
    async def __call__(
        self, now: datetime, *, after: FileRecord | None, limit: int
    ) -> list[FileRecord]: ...


class SweepService:
    """One pass over what is due. Two passes at once do nothing twice."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        completion: Completion,
        multipart: MultipartService,
        removal: RemovalService,
        policies: Policies,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._store = store
        self._completion = completion
        self._multipart = multipart
        self._removal = removal
        self._policies = policies
        self._clock = clock

    async def run(self) -> Mapping[str, int]:
        """How many files were `uploaded`, `refused`, `expired`, `cleared`, `postponed` because
        the store did not answer for them, or `broken` by a defect of ours; and how many idempotency
        keys were `forgotten`.

        Raises `DatabaseUnavailable`.
        """
        report: Counter[str] = Counter()
        await self._each(self._repository.due, self.end, report)
        await self._each(self._repository.due_removals, self._look_again, report)
        await self._forget(report)
        return report

    async def _each(
        self, due: _Due, work: Callable[[FileRecord], Awaitable[str]], report: Counter[str]
    ) -> None:
        now = self._clock()
        last: FileRecord | None = None
        while batch := await due(now, after=last, limit=BATCH):
            outcomes = await _all(work, batch)
            report.update(outcomes)
            if outcomes["postponed"] == len(batch) and not await self._store_answers():
                break  # The next pass begins here again.
            last = batch[-1]

    async def _store_answers(self) -> bool:
        """Or else it may refuse these files alone, which must not keep the others waiting."""
        try:
            await self._store.ping()
        except RetryableError:
            return False
        return True

    async def end(self, record: FileRecord) -> str:
        """What became of a pending record past its end: `uploaded`, `refused`, `expired`, or
        `moved on` when somebody else was first.

        Raises `StorageUnavailable` and `DatabaseUnavailable`; it is then to be done again.
        """
        try:
            settled = await self.finish(record)
        except VerificationFailed:
            return "refused"
        except NOT_THERE:
            settled = await self._completion.record_move(record, FileStatus.FAILED, SWEEP, EXPIRED)
            return EXPIRED if settled else "moved on"
        return "uploaded" if settled else "moved on"

    async def finish(self, record: FileRecord) -> FileRecord | None:
        """The pending record as an upload that arrived; None when it moved in the meantime.

        Raises one of NOT_THERE, `VerificationFailed` (the record is `failed`), and
        `StorageUnavailable`.
        """
        target = on_arrival(record, self._policies)
        if record.method is UploadMethod.MULTIPART:
            return await self._multipart.finish(record, target, SWEEP)
        return await self._completion.verify_and_finish(record, target, SWEEP)

    async def _look_again(self, record: FileRecord) -> str:
        await self._removal.look_again(record)
        return "cleared"

    async def _forget(self, report: Counter[str]) -> None:
        before = self._clock() - WINDOW
        while forgotten := await self._repository.forget_claims(before, limit=BATCH):
            report["forgotten"] += forgotten


async def _all(
    work: Callable[[FileRecord], Awaitable[str]], batch: list[FileRecord]
) -> Counter[str]:
    async def one(record: FileRecord) -> str:
        try:
            return await work(record)
        except RetryableError as error:
            log.warning("sweep_postponed", file_id=str(record.id), code=error.code)
            return "postponed"
        except Exception:
            # Raised, it would keep all other files from their end, pass after pass.
            log.exception("sweep_broken", file_id=str(record.id))
            return "broken"

    return Counter(await each(one, batch))
