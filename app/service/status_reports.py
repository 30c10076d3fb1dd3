"""Many reports in one call: each goes the way of one alone, and has an outcome of its own."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.domain.file import FileRecord, FileStatus
from app.domain.ports import FileRepository
from app.domain.principal import Principal
from app.exceptions.errors import RetryableError, SlipwayError
from app.service.concurrency import each
from app.service.file_storage import FileRef, FileStorageService
from app.service.ownership import not_found
from app.service.patience import Patience

DONE = "done"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What is said of a file: as in `FileStorageService.update_status`."""

    id: UUID
    status: FileStatus
    reason: str | None = None


Outcome = FileRecord | SlipwayError
"""The record as it is now, or why the report was not followed."""


class StatusReportService:
    """Reports of one principal, a bounded number at a time.

    `on_report` is told of each: `DONE`, or the code of its error.
    """

    def __init__(
        self,
        *,
        repository: FileRepository,
        files: FileStorageService,
        on_report: Callable[[str], None],
        new_patience: Callable[[], Patience] = Patience,
    ) -> None:
        self._repository = repository
        self._files = files
        self._on_report = on_report
        self._new_patience = new_patience

    async def update_all(
        self, principal: Principal, reports: Sequence[StatusReport]
    ) -> list[Outcome]:
        """The outcome of each report, in their order. The reports name different files.

        Raises `DatabaseUnavailable` before anything was done.
        """
        ids = [report.id for report in reports]
        records = await self._repository.find_all(principal.subject, ids)
        known = {record.id: record for record in records}
        patience = self._new_patience()

        async def outcome(report: StatusReport) -> Outcome:
            try:
                async with patience.tried():
                    return await self._update(principal, report, known.get(report.id))
            except SlipwayError as error:
                return error

        outcomes = await each(outcome, reports)
        self._count(outcomes)
        return outcomes

    async def _update(
        self, principal: Principal, report: StatusReport, known: FileRecord | None
    ) -> FileRecord:
        if known is None:
            raise not_found()
        ref = FileRef(id=report.id)
        return await self._files.update_status(
            principal, ref, report.status, report.reason, known=known
        )

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        for found in outcomes:
            self._on_report(found.code if isinstance(found, SlipwayError) else DONE)
        postponed = Counter(found.code for found in outcomes if isinstance(found, RetryableError))
        if postponed:
            log.warning("reports_postponed", of=len(outcomes), **postponed)
