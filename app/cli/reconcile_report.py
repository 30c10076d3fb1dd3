"""The findings of a comparison on standard output, each as it is made."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.cli.table import printable
from app.domain.reconciliation import Finding, Kind
from app.service.reconcile import Outcome, Stage

_REPAIR = "run with --repair"
_REMOVE = "run with --remove-unknown, which spares what is younger than a day"

ADVICE: Mapping[Kind, str] = {
    Kind.OBJECT_MISSING: "restore the object, or DELETE the file",
    Kind.OBJECT_CHANGED: "restore the object that was verified, or DELETE the file",
    Kind.UPLOAD_UNREPORTED: _REPAIR,
    Kind.UPLOAD_OVERDUE: f"{_REPAIR}; a worker does it by itself: does one run?",
    Kind.DELETION_UNFINISHED: f"{_REPAIR}, or `jobs retry`",
    Kind.OBJECT_LEFT_OVER: f"{_REPAIR}, or `jobs retry`",
    Kind.PARTS_LEFT_OVER: f"{_REPAIR}, or `jobs retry`",
    Kind.PARTS_STRAY: _REPAIR,
    Kind.OBJECT_UNKNOWN: _REMOVE,
    Kind.PARTS_UNKNOWN: _REMOVE,
    Kind.USAGE_MISCOUNTED: _REPAIR,
}


class TextReport:
    """A line for each finding, then the sums with what to do about what remains."""

    def finding(self, finding: Finding) -> None:
        state = "repaired" if finding.repaired else "found"
        what = finding.key or f"owner {finding.owner}"
        line = "  ".join((f"{state:8}", f"{finding.kind:19}", what, finding.detail))
        print(printable(line.rstrip()))

    def end(self, outcome: Outcome, seconds: float) -> None:
        looked = ", ".join(f"{outcome.seen[s]:,} {s.replace('_', ' ')}" for s in Stage)
        print(f"Looked at {looked} in {seconds:.1f} s.")
        for kind, found in outcome.found.items():
            left = found - outcome.repaired[kind]
            advice = f"; {ADVICE[kind]}" if left else ""
            print(f"{kind}: {found:,} found, {outcome.repaired[kind]:,} repaired{advice}")
        if not outcome.found:
            print("Store and records agree.")


class JsonReport:
    """One document, whose `findings` are written as they are made: cut off if the run fails."""

    def __init__(self) -> None:
        self._separator = '{"findings": [\n'

    def finding(self, finding: Finding) -> None:
        print(self._separator, json.dumps(_members(finding), default=str), sep="", end="")
        self._separator = ",\n"

    def end(self, outcome: Outcome, seconds: float) -> None:
        sums = {
            "seen": {stage: outcome.seen[stage] for stage in Stage},
            "found": outcome.found,
            "repaired": +outcome.repaired,
            "remaining": outcome.remaining,
            "seconds": round(seconds, 3),
        }
        opening = self._separator if not outcome.found else "\n"
        print(opening, "], ", json.dumps(sums).removeprefix("{"), sep="")


def _members(finding: Finding) -> dict[str, Any]:
    values = asdict(finding)
    if finding.at is not None:
        values["at"] = f"{finding.at:%Y-%m-%dT%H:%M:%SZ}"
    return {name: value for name, value in values.items() if value not in ("", None)}
