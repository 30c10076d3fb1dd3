"""Whether the workers live, keep up and succeed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.domain.judgement.wording import said

SILENT_AFTER = timedelta(seconds=60)
"""Without a sign of life, of which a worker gives one every 10 seconds."""

LATE = timedelta(minutes=5)
"""For a job whose time has come."""

SWEEPS_STOPPED = timedelta(minutes=5)
"""Without the beginning of a sweep, of which there is one a minute."""

OVERDUE = timedelta(minutes=15)
"""For what a sweep would have done in its first minutes."""

COUNTED = 1_000
"""Nothing is counted further than this, here and in the questions to the database."""

_START = Remedy(
    text="Start one, and see its log if it ends.",
    command="python -m app worker",
)


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes live; `silent` is how long ago the last one of all was heard, None where
    none is known."""

    alive: int
    silent: timedelta | None


def judge_workers(workers: Workers, waiting: bool, production: bool) -> list[Finding]:
    """`waiting`: whether there are jobs that nobody does."""
    if workers.alive:
        return [ok(f"{workers.alive} alive.")]
    heard = (
        "none has begun, or all have ended in order"
        if workers.silent is None
        else f"the last one fell silent {said(workers.silent)} ago"
    )
    what = f"No worker is alive: {heard}."
    if not (waiting or production):
        return [note(f"{what} `serve` starts one in development.")]
    why = (
        "What fails, expires or is deleted stays in the store and in quotas; uploads that nobody "
        "reports stay pending; webhooks are told nothing."
    )
    return [failure(what, why=why, remedy=_START)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs of one name whose time has come and which nothing holds back."""

    job: str
    count: int
    oldest: timedelta


def judge_backlog(waiting: Sequence[Waiting]) -> Finding:
    if not waiting:
        return ok("None waits.")
    late = [jobs for jobs in waiting if jobs.oldest >= LATE]
    oldest = said(max(jobs.oldest for jobs in waiting))
    counted = ", ".join(f"{_count(jobs.count)} × {jobs.job}" for jobs in waiting)
    what = f"Waiting: {counted}; the oldest for {oldest}."
    if not late:
        return ok(what)
    return warning(
        what,
        why="The workers do not keep up, or none takes these.",
        remedy=Remedy(
            text="Start more of them, or let each do more at once (WORKER_CONCURRENCY).",
            command="python -m app jobs list --status todo",
        ),
    )


def judge_failed(failed: Sequence[tuple[str, int]]) -> list[Finding]:
    """Jobs that have failed for good, by name."""
    if not failed:
        return []
    counted = ", ".join(f"{_count(count)} × {name}" for name, count in failed)
    return [
        warning(
            f"Failed for good: {counted}.",
            why="Nobody tries them again: what they should remove stays in the store.",
            remedy=Remedy(
                text="See which, read job_failed in the workers' logs, mend that, and run them "
                "again.",
                command="python -m app jobs list\npython -m app jobs retry --all-failed",
            ),
        )
    ]


def judge_retried(count: int) -> list[Finding]:
    """How many wait for a further attempt after several that failed."""
    if not count:
        return []
    return [
        note(
            f"{_count(count)} have failed several times and will run again.",
            "The store or an endpoint refuses what they ask.",
            Remedy(
                text="Read job_retried in the workers' logs.",
                command="python -m app jobs list --status todo",
            ),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeps:
    """`begun`: how long ago the last one was put into the queue; `waits`: whether it is there
    still. Then what sweeps have left: files past their end, objects past their removal."""

    begun: timedelta | None
    waits: bool
    overdue_files: int
    overdue_removals: int


def judge_sweeps(sweeps: Sweeps, alive: int) -> list[Finding]:
    if not alive:
        return [note(f"No worker runs them; the last was {_begun(sweeps.begun)}.")]
    found = []
    if sweeps.begun is None or sweeps.begun >= SWEEPS_STOPPED:
        found.append(_stopped(sweeps.begun))
    if sweeps.overdue_files or sweeps.overdue_removals:
        found.append(_left(sweeps))
    state = "waits or runs" if sweeps.waits else "has ended"
    return found or [ok(f"The last was {_begun(sweeps.begun)}, and {state}; nothing is overdue.")]


def _begun(ago: timedelta | None) -> str:
    return "never" if ago is None else f"{said(ago)} ago"


def _stopped(begun: timedelta | None) -> Finding:
    return warning(
        f"Workers are alive, and the last sweep was {_begun(begun)}.",
        why="Uploads past their end stay pending and count in quotas.",
        remedy=Remedy(
            text="Start the workers anew; if that does not help, report it with their logs.",
            command="python -m app jobs list --status doing",
        ),
    )


def _left(sweeps: Sweeps) -> Finding:
    over = said(OVERDUE)
    return warning(
        f"Sweeps leave {_count(sweeps.overdue_files)} uploads more than {over} past their end, and "
        f"{_count(sweeps.overdue_removals)} objects as long past their removal.",
        why="They stay pending, or in the store, and in quotas.",
        remedy=Remedy(
            text="If it does not go down by itself, read sweep_broken and job_failed in the "
            "workers' logs, and see whether the store answers them.",
        ),
    )


def _count(count: int) -> str:
    return str(count) if count < COUNTED else f"{COUNTED} or more"
