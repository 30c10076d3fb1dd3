"""Store against records, both ways: what is wrong, and what of it could be put right."""

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from app.domain.reconciliation import AT_REST, Finding, Kind, RecordSurvey
from app.exceptions.errors import InvalidRequest
from app.service.concurrency import each
from app.service.repair import RepairService
from app.service.survey import Batch, Survey

_UNKNOWN = (Kind.OBJECT_UNKNOWN, Kind.PARTS_UNKNOWN)


class Stage(StrEnum):
    """What is being looked at, in this order."""

    OVERDUE = "overdue_uploads"
    OBJECTS = "objects"
    UPLOADS = "unfinished_uploads"
    RECORDS = "records"
    OWNERS = "owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be done about findings; what changed within `at_rest` is not looked into."""

    repair: bool = False
    remove_unknown: bool = False
    at_rest: timedelta = AT_REST

    def covers(self, kind: Kind) -> bool:
        """Whether anything is to be done about findings of this kind."""
        return self.remove_unknown if kind in _UNKNOWN else self.repair


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many things were looked at, and how many findings there were and are no longer."""

    seen: Counter[Stage] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    repaired: Counter[Kind] = field(default_factory=Counter)

    def count(self, finding: Finding) -> None:
        self.found[finding.kind] += 1
        self.repaired[finding.kind] += finding.repaired

    @property
    def remaining(self) -> int:
        return self.found.total() - self.repaired.total()


class ReconcileService:
    """Reads all there is in pages, so that memory does not grow with it."""

    def __init__(
        self,
        *,
        records: RecordSurvey,
        new_survey: Callable[[datetime], Survey],
        repairs: RepairService,
        clock: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._new_survey = new_survey
        self._repairs = repairs
        self._clock = clock

    async def estimate(self) -> int:
        """About how many records there are. Raises `DatabaseUnavailable`."""
        return await self._records.estimate()

    async def run(
        self,
        wish: Wish,
        *,
        on_finding: Callable[[Finding], None],
        on_seen: Callable[[Stage, int], None] = lambda *_: None,
    ) -> Outcome:
        """Tell of every finding as it is made, `repaired` or not.

        Raises `StorageUnavailable`, `DatabaseUnavailable`, and `InvalidRequest` for a wish to
        remove what has no record where there are no records: it is the wrong database.
        """
        if wish.remove_unknown and not await self._records.entries(limit=1):
            raise InvalidRequest(
                "This database has no records, so every object would be removed: is DATABASE_URL "
                "the right one?"
            )
        outcome = Outcome()
        survey = self._new_survey(self._clock() - wish.at_rest)
        for stage, batches in _stages(survey).items():
            async for batch in batches:
                outcome.seen[stage] += batch.seen
                on_seen(stage, batch.seen)
                for finding in await each(partial(self._settle, wish), batch.findings):
                    outcome.count(finding)
                    on_finding(finding)
        return outcome

    async def _settle(self, wish: Wish, finding: Finding) -> Finding:
        repaired = wish.covers(finding.kind) and await self._repairs.repair(finding)
        return dataclasses.replace(finding, repaired=repaired)


def _stages(survey: Survey) -> Mapping[Stage, AsyncIterator[Batch]]:
    return {
        Stage.OVERDUE: survey.overdue(),
        Stage.OBJECTS: survey.objects(),
        Stage.UPLOADS: survey.uploads(),
        Stage.RECORDS: survey.missing(),
        # The last, because repairs change what owners hold.
        Stage.OWNERS: survey.miscounts(),
    }
