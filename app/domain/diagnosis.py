"""What a check of the surroundings finds, why it matters, and what mends it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What is said of one thing, best first."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing need be done."""
    SKIPPED = "skipped"
    """Nothing can be said, because of something else that is wrong."""
    WARNING = "warning"
    """It works, and will break or cost something."""
    FAILURE = "failure"

    @property
    def is_problem(self) -> bool:
        return self in (Verdict.WARNING, Verdict.FAILURE)


_ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to do, in words; `command` is lines for a shell, `document` the JSON that they take."""

    text: str
    command: str = ""
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check says. It is shown to operators: never a secret or a signed URL.

    `fixable`: the check's own `Fix` would mend it.
    """

    verdict: Verdict
    what: str
    why: str = ""
    remedy: Remedy | None = None
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """`does` says what it would do, such as "create the bucket"; `apply` does it, and says what
    it has done. It may be applied twice."""

    does: str
    apply: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question to the surroundings.

    `needs` names the checks without whose success this one can say nothing. `examine` may raise
    `SlipwayError`, whose detail is then the finding.
    """

    name: str
    title: str
    examine: Callable[[], Awaitable[Sequence[Finding]]]
    needs: tuple[str, ...] = ()
    fix: Fix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What one check came to. `does` is what its fix would do about it, `fixed` what it did."""

    name: str
    title: str
    findings: Sequence[Finding]
    does: str = ""
    fixed: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings."""
        return max((f.verdict for f in self.findings), key=_ORDER.index, default=Verdict.OK)

    @property
    def stands(self) -> bool:
        """Whether what needs this can be examined."""
        return self.verdict not in (Verdict.FAILURE, Verdict.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All examinations in the order of the checks; it took that many `seconds`, until `at`."""

    examinations: Sequence[Examination]
    at: datetime
    seconds: float

    @property
    def problems(self) -> int:
        """How many findings there are that somebody should do something about."""
        return sum(f.verdict.is_problem for e in self.examinations for f in e.findings)


def ok(what: str) -> Finding:
    return Finding(verdict=Verdict.OK, what=what)


def note(what: str, why: str = "", remedy: Remedy | None = None) -> Finding:
    return Finding(verdict=Verdict.NOTE, what=what, why=why, remedy=remedy)


def skipped(what: str) -> Finding:
    return Finding(verdict=Verdict.SKIPPED, what=what)


def warning(what: str, *, why: str, remedy: Remedy, fixable: bool = False) -> Finding:
    return Finding(verdict=Verdict.WARNING, what=what, why=why, remedy=remedy, fixable=fixable)


def failure(what: str, *, why: str, remedy: Remedy, fixable: bool = False) -> Finding:
    return Finding(verdict=Verdict.FAILURE, what=what, why=why, remedy=remedy, fixable=fixable)


SKEW_REFUSED = timedelta(minutes=15)
"""`RequestTimeTooSkewed` from here on.
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
SKEW_NOTICED = timedelta(seconds=60)


def judge_skew(ahead: timedelta) -> Finding:
    """Of a clock that is that much ahead of the store's, or behind it when negative."""
    seconds = round(ahead.total_seconds())
    side = "ahead of" if seconds > 0 else "behind"
    if abs(ahead) < SKEW_NOTICED:
        return ok(f"Within {max(1, abs(seconds))} s of the store's.")
    what = f"This machine's clock is {abs(seconds)} s {side} the store's."
    if abs(ahead) < SKEW_REFUSED:
        return warning(
            what, why="URLs live shorter or longer than they say, tokens too.", remedy=_SET_CLOCK
        )
    return failure(
        what,
        why="A store refuses everything that was signed more than 15 minutes off its own clock.",
        remedy=_SET_CLOCK,
    )


_SET_CLOCK = Remedy(
    text="Let the machine keep time by NTP.",
    command="timedatectl set-ntp true",
)
