"""`python -m benchmarks [NAME...]`: measure all but what moves gigabytes, or those named.

Exit code 1 when a target is missed.
"""

import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks import (
    browser,
    events,
    listing,
    memory,
    parts,
    presign,
    signing,
    status,
    streams,
    sweep,
    upload,
    webhooks,
)
from benchmarks.report import Outcome, print_outcomes
from benchmarks.stage import Stage, running_stage

BENCHMARKS: Mapping[str, Callable[[Stage], list[Outcome]]] = {
    "presign": presign.measure,
    "signing": signing.measure,
    "status": status.measure,
    "parts": parts.measure,
    "sweep": sweep.measure,
    "events": events.measure,
    "streams": streams.measure,
    "webhooks": webhooks.measure,
    "memory": memory.measure,
    "listing": listing.measure,
}
LARGE: Mapping[str, Callable[[Stage], list[Outcome]]] = {
    "upload": upload.measure,
    "browser": browser.measure,
}


def main(names: Sequence[str]) -> int:
    known = {**BENCHMARKS, **LARGE}
    unknown = set(names) - set(known)
    if unknown:
        print(f"there is {', '.join(known)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.ERROR)  # the engines' remarks would split the tables
    # As an exception it stops the servers and engines on its way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with running_stage() as stage:
        outcomes = [result for name in names or BENCHMARKS for result in known[name](stage)]
    print_outcomes(outcomes)
    return 0 if all(outcome.is_met for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
