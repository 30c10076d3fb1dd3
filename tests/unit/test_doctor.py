"""The doctor on checks of a test's own: order, needs, breakage, mending, sharing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.domain.diagnosis import (
    Check,
    Diagnosis,
    Finding,
    Fix,
    Remedy,
    Verdict,
    failure,
    judge_skew,
    note,
    ok,
    warning,
)
from app.exceptions.errors import StorageUnavailable
from app.service.doctor import Doctor
from app.service.shared_diagnosis import SharedDiagnosis
from tests.support.records import NOON

REMEDY = Remedy(text="mend it")


def check(name: str, *findings: Finding, needs: tuple[str, ...] = (), **more: Any) -> Check:
    async def examine() -> list[Finding]:
        return list(findings or [ok("fine")])

    return Check(name=name, title=name.title(), needs=needs, **({"examine": examine} | more))


def broken(text: str = "broken", **more: Any) -> Finding:
    return failure(text, why="it matters", remedy=REMEDY, **more)


def doctor(*checks: Check, **options: Any) -> Doctor:
    return Doctor(checks, clock=lambda: NOON, **options)


def verdicts(diagnosis: Diagnosis) -> dict[str, str]:
    return {e.name: e.verdict.value for e in diagnosis.examinations}


def raising(error: Exception) -> Callable[[], Any]:
    async def examine() -> list[Finding]:
        raise error

    return examine


async def test_reports_in_the_order_of_the_checks_whichever_ends_first() -> None:
    released = asyncio.Event()

    async def slow() -> list[Finding]:
        await released.wait()
        return [ok("at last")]

    async def fast() -> list[Finding]:
        released.set()
        return [ok("at once")]

    seen: list[str] = []
    checks = doctor(check("a", examine=slow), check("b", examine=fast))
    diagnosis = await checks.examine(on_examined=lambda e: seen.append(e.name))
    assert [e.name for e in diagnosis.examinations] == ["a", "b"]
    assert seen == ["b", "a"]
    assert (diagnosis.at, diagnosis.problems) == (NOON, 0)


async def test_what_needs_something_broken_is_skipped_and_so_is_what_needs_that() -> None:
    diagnosis = await doctor(
        check("a", broken()),
        check("b", needs=("a",)),
        check("c", needs=("b",)),
        check("d"),
    ).examine()
    assert verdicts(diagnosis) == {"a": "failure", "b": "skipped", "c": "skipped", "d": "ok"}
    assert diagnosis.problems == 1
    assert "A" in diagnosis.examinations[1].findings[0].what


async def test_a_warning_does_not_stand_in_the_way() -> None:
    troubled = warning("hm", why="it matters", remedy=REMEDY)
    diagnosis = await doctor(check("a", troubled), check("b", needs=("a",))).examine()
    assert verdicts(diagnosis) == {"a": "warning", "b": "ok"}
    assert diagnosis.problems == 1


async def test_a_check_is_as_bad_as_its_worst_finding() -> None:
    diagnosis = await doctor(check("a", ok("1"), broken(), note("2"))).examine()
    assert diagnosis.examinations[0].verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("a secret"), "ZeroDivisionError"),
        (StorageUnavailable("The store denies access."), "The store denies access."),
    ],
)
async def test_a_check_that_breaks_is_its_own_failure(error: Exception, said: str) -> None:
    diagnosis = await doctor(check("a", examine=raising(error)), check("b")).examine()
    assert verdicts(diagnosis) == {"a": "failure", "b": "ok"}
    [finding] = diagnosis.examinations[0].findings
    assert said in finding.what
    assert "secret" not in finding.what
    assert finding.why
    assert finding.remedy


async def test_a_check_that_hangs_is_ended_and_may_tidy_up() -> None:
    tidied = []

    async def hang() -> list[Finding]:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append(True)
        return []

    diagnosis = await doctor(check("a", examine=hang), check("b"), timeout=0.01).examine()
    assert verdicts(diagnosis) == {"a": "failure", "b": "ok"}
    assert "in time" in diagnosis.examinations[0].findings[0].what
    assert tidied


async def test_only_what_is_named_and_what_that_needs() -> None:
    checks = doctor(check("a"), check("b", needs=("a",)), check("c"), check("d", needs=("b",)))
    assert list(verdicts(await checks.examine(only=["d"]))) == ["a", "b", "d"]
    assert list(verdicts(await checks.examine(only=["c", "a"]))) == ["a", "c"]


@pytest.mark.parametrize("needs", [("b",), ("nobody",)])
def test_needs_lead_backwards(needs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a"):
        doctor(check("a", needs=needs), check("b"))


def test_a_name_stands_for_one_check() -> None:
    with pytest.raises(ValueError, match="twice"):
        doctor(check("a"), check("a"))


class Patient:
    """Something that is broken until its fix is applied."""

    def __init__(self, *, heals: bool = True, fixable: bool = True) -> None:
        self.applied = 0
        self._heals, self._fixable = heals, fixable

    async def examine(self) -> list[Finding]:
        healed = self.applied and self._heals
        return [ok("well")] if healed else [broken(fixable=self._fixable)]

    async def apply(self) -> str:
        self.applied += 1
        return "set the bone"

    def check(self, name: str = "a", **more: Any) -> Check:
        fix = Fix(does="set the bone", apply=self.apply)
        return check(name, examine=self.examine, **({"fix": fix} | more))


async def test_nothing_is_mended_unasked() -> None:
    patient = Patient()
    diagnosis = await doctor(patient.check()).examine()
    assert patient.applied == 0
    assert diagnosis.examinations[0].does == "set the bone"
    assert diagnosis.problems == 1


async def test_what_is_mended_is_examined_again_before_what_needs_it() -> None:
    patient, dependent = Patient(), Patient()
    checks = doctor(patient.check(), dependent.check("b", needs=("a",)))
    assert verdicts(await checks.examine()) == {"a": "failure", "b": "skipped"}
    diagnosis = await checks.examine(fix=True)
    assert verdicts(diagnosis) == {"a": "ok", "b": "ok"}
    assert [e.fixed for e in diagnosis.examinations] == ["set the bone"] * 2
    again = await checks.examine(fix=True)
    assert (patient.applied, dependent.applied) == (1, 1)
    assert [e.fixed for e in again.examinations] == ["", ""]


async def test_what_cannot_be_mended_is_left_alone() -> None:
    patient = Patient(fixable=False)
    diagnosis = await doctor(patient.check()).examine(fix=True)
    assert (patient.applied, diagnosis.examinations[0].does) == (0, "")


async def test_a_fix_that_does_not_help_leaves_the_problem() -> None:
    diagnosis = await doctor(Patient(heals=False).check()).examine(fix=True)
    assert diagnosis.problems == 1


async def test_a_fix_that_breaks_is_told_beside_the_problem() -> None:
    fix = Fix(does="set it", apply=raising(StorageUnavailable("The store denies access.")))
    diagnosis = await doctor(Patient().check(fix=fix)).examine(fix=True)
    said = [finding.what for finding in diagnosis.examinations[0].findings]
    assert said == ["broken", "The store denies access."]
    assert diagnosis.examinations[0].fixed == ""


class Counted:
    """A check that counts how often it is examined, and waits until it may end."""

    def __init__(self) -> None:
        self.begun = 0
        self.has_begun = asyncio.Event()
        self.cancelled = False
        self.may_end = asyncio.Event()

    async def examine(self) -> list[Finding]:
        self.begun += 1
        self.has_begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return [ok("counted")]


class TestSharing:
    async def test_all_who_ask_at_once_get_the_same(self) -> None:
        counted = Counted()
        shared = SharedDiagnosis(doctor(check("a", examine=counted.examine)))
        asked = [asyncio.create_task(shared.read()) for _ in range(3)]
        await asyncio.sleep(0)
        asked[0].cancel()  # one who goes away takes it from nobody
        counted.may_end.set()
        assert await asked[1] is await asked[2]
        assert counted.begun == 1

    async def test_it_is_kept_for_a_while(self) -> None:
        counted, now = Counted(), [0.0]
        counted.may_end.set()
        examined = doctor(check("a", examine=counted.examine))
        shared = SharedDiagnosis(examined, kept=10, clock=lambda: now[0])
        first = await shared.read()
        now[0] = 9.9
        assert await shared.read() is first
        now[0] = 10.0
        assert await shared.read() is not first
        assert counted.begun == 2

    async def test_closing_gives_up_what_is_under_way(self) -> None:
        counted = Counted()
        shared = SharedDiagnosis(doctor(check("a", examine=counted.examine)))
        asked = asyncio.create_task(shared.read())
        await counted.has_begun.wait()
        await shared.close()
        assert counted.cancelled
        with pytest.raises(asyncio.CancelledError):
            await asked

    async def test_closing_what_was_never_asked_is_nothing(self) -> None:
        await SharedDiagnosis(doctor()).close()


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "ok"), (59, "ok"), (-59, "ok"), (60, "warning"), (-899, "warning"), (900, "failure")],
)
def test_a_clock_is_judged_by_what_the_store_takes(seconds: int, verdict: str) -> None:
    finding = judge_skew(timedelta(seconds=seconds))
    assert finding.verdict.value == verdict
    assert str(abs(seconds) or 1) in finding.what


def test_it_is_said_which_way_a_clock_is_wrong() -> None:
    assert "ahead of" in judge_skew(timedelta(seconds=70)).what
    assert "behind" in judge_skew(timedelta(seconds=-70)).what
