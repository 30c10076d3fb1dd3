"""Whether the store's own word of what was uploaded arrives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile

from app.domain.diagnosis import Finding, Remedy, note, ok, warning
from app.domain.event import STORAGE_EVENT, SWEEP
from app.domain.judgement.wording import counted, said

LOOKED_BACK = timedelta(days=7)
ENOUGH = 20
"""Uploads among which one would expect an event to have been first."""

_SEE = Remedy(
    text="Follow docs/bucket-events.md once more; then upload without reporting, and see the file "
    "become uploaded within seconds.",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An upload that was found whole: through whose word, and how long ago."""

    actor: str
    ago: timedelta
    in_parts: bool = False

    @property
    def by_event(self) -> bool:
        return self.actor == STORAGE_EVENT

    @property
    def unheard(self) -> bool:
        """Nobody said so: the bytes were there, and only a sweep found them. There is no event
        of parts that nobody has put together."""
        return self.actor == SWEEP and not self.in_parts


def judge_arrivals(ways: Sequence[str], arrivals: Sequence[Arrival]) -> list[Finding]:
    """Of the settings that let events in, and of the uploads of LOOKED_BACK, the newest first."""
    since = list(takewhile(lambda arrival: not arrival.by_event, arrivals))
    unheard = sum(arrival.unheard for arrival in since)
    if not ways:
        return [_not_configured(unheard)]
    if unheard:
        return [_missed(ways, unheard, len(since))]
    return [_heard(ways, arrivals, since)]


def _not_configured(unheard: int) -> Finding:
    if not unheard:
        return ok("Not configured; clients report, and sweeps find the rest.")
    return note(
        f"Not configured; {counted(unheard, 'upload')} of the last {said(LOOKED_BACK)} waited for "
        "a sweep.",
        "Their clients did not report. Events would have told of them within seconds.",
        Remedy(text="Let the store tell the service: docs/bucket-events.md."),
    )


def _missed(ways: Sequence[str], unheard: int, since: int) -> Finding:
    return warning(
        f"Events are configured ({', '.join(ways)}), and none told of {unheard} of the last "
        f"{since} uploads: a sweep found them.",
        why="Files whose clients do not report are late by the whole life of their URLs.",
        remedy=_SEE,
    )


def _heard(ways: Sequence[str], arrivals: Sequence[Arrival], since: Sequence[Arrival]) -> Finding:
    named = ", ".join(ways)
    if len(since) < len(arrivals):
        return ok(f"By {named}; the last one moved a file {said(arrivals[len(since)].ago)} ago.")
    if len(arrivals) < ENOUGH:
        return ok(f"By {named}; {counted(len(arrivals), 'upload')} of late, too few to tell.")
    return note(
        f"By {named}; of the last {len(arrivals)} uploads none was moved by an event.",
        "All their clients reported first, or no event arrives: the records cannot tell.",
        _SEE,
    )


def judge_parked(count: int, oldest: timedelta | None) -> list[Finding]:
    """Messages that were put aside."""
    if not count:
        return []
    age = f", the oldest for {said(oldest)}" if oldest is not None else ""
    return [
        warning(
            f"{counted(count, 'message')} of the queue parked{age}.",
            why="They could not be read, or never succeeded: somebody sends what is no event.",
            remedy=Remedy(
                text="Look at them; then retry, or drop them.",
                command="python -m app events list\npython -m app events retry --all",
            ),
        )
    ]
