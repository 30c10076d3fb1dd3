"""Examine the surroundings: every check at once, as far as they do not need one another."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from app.domain.diagnosis import (
    Check,
    Diagnosis,
    Examination,
    Finding,
    Fix,
    Remedy,
    failure,
    skipped,
)
from app.exceptions.errors import SlipwayError

log = structlog.get_logger(__name__)

TIMEOUT = 60.0
"""Seconds for one check; its calls have shorter limits of their own."""

_Running = Mapping[str, asyncio.Task[Examination]]


class Doctor:
    """Runs checks, each of which needs only checks before it. Raises ValueError otherwise."""

    def __init__(
        self, checks: Sequence[Check], *, clock: Callable[[], datetime], timeout: float = TIMEOUT
    ) -> None:
        known: set[str] = set()
        for check in checks:
            if check.name in known or not known.issuperset(check.needs):
                raise ValueError(f"the check {check.name} is there twice, or before one it needs")
            known.add(check.name)
        self._checks = tuple(checks)
        self._clock = clock
        self._timeout = timeout

    @property
    def names(self) -> tuple[str, ...]:
        """What can be examined, in the order of a diagnosis."""
        return tuple(check.name for check in self._checks)

    async def examine(
        self,
        *,
        only: Sequence[str] = (),
        fix: bool = False,
        on_examined: Callable[[Examination], None] = lambda _: None,
    ) -> Diagnosis:
        """Run the checks named in `only`, or all, with those that they need.

        With `fix` a check that can mend what it found does so, and looks again, before those that
        need it begin. Never raises for what a check does.
        """
        started = time.monotonic()
        running: dict[str, asyncio.Task[Examination]] = {}
        async with asyncio.TaskGroup() as group:
            for check in self._chosen(only):
                work = self._follow(check, running, fix, on_examined)
                running[check.name] = group.create_task(work)
        return Diagnosis(
            examinations=[task.result() for task in running.values()],
            at=self._clock(),
            seconds=time.monotonic() - started,
        )

    def _chosen(self, only: Sequence[str]) -> list[Check]:
        wanted = set(only or self.names)
        for check in reversed(self._checks):
            if check.name in wanted:
                wanted.update(check.needs)
        return [check for check in self._checks if check.name in wanted]

    async def _follow(
        self,
        check: Check,
        running: _Running,
        fix: bool,
        on_examined: Callable[[Examination], None],
    ) -> Examination:
        """Examine when everything needed has been examined."""
        needed = [await running[name] for name in check.needs]
        missing = [examination.title for examination in needed if not examination.stands]
        if missing:
            result = _examination(check, [skipped(f"needs: {', '.join(missing)}")])
        else:
            result = await self._look(check)
            if fix and check.fix and result.does:
                result = await self._mend(check, check.fix, result)
        on_examined(result)
        return result

    async def _look(self, check: Check) -> Examination:
        try:
            async with asyncio.timeout(self._timeout):
                return _examination(check, await check.examine())
        except Exception as error:
            return _examination(check, [self._broken(check, error)])

    async def _mend(self, check: Check, fix: Fix, found: Examination) -> Examination:
        try:
            async with asyncio.timeout(self._timeout):
                done = await fix.apply()
        except Exception as error:
            return replace(found, findings=[*found.findings, self._broken(check, error)])
        return replace(await self._look(check), fixed=done)

    def _broken(self, check: Check, error: Exception) -> Finding:
        if isinstance(error, SlipwayError):
            return failure(error.detail, why=_WHY_UNKNOWN, remedy=_SAID)
        if isinstance(error, TimeoutError):
            return failure(
                f"No answer in time ({self._timeout:g} s at most).", why=_WHY_UNKNOWN, remedy=_SLOW
            )
        log.error("a check broke", check=check.name, exc_info=error)
        what = f"The check itself broke ({type(error).__name__})."
        return failure(what, why=_WHY_UNKNOWN, remedy=_REPORT)


_WHY_UNKNOWN = "Nothing more can be said here until this is mended."
_SAID = Remedy(text="Mend what is named, and run the doctor again.")
_SLOW = Remedy(text="See whether what is asked here answers at all, and from this machine.")
_REPORT = Remedy(text="See the log, and report it: it is a defect of Slipway.")


def _examination(check: Check, findings: Sequence[Finding]) -> Examination:
    can_fix = check.fix is not None and any(finding.fixable for finding in findings)
    does = check.fix.does if check.fix is not None and can_fix else ""
    return Examination(name=check.name, title=check.title, findings=findings, does=does)
