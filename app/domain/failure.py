"""Why uploads fail: the reasons that records keep in words, as the few kinds there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.checksum import ChecksumAlgorithm

MOST_WALKED = 10_000
"""So many of the newest failed files are looked at, and no more: the cost stays bounded."""


class FailureReason(StrEnum):
    """A kind of `status_reason`."""

    SIZE = "size"
    """Another size arrived than was declared."""
    TYPE = "type"
    CHECKSUM = "checksum"
    REPLACED = "replaced"
    """Other bytes took the place of those that had been verified."""
    EXPIRED = "expired"
    """Nothing, or not all, arrived in time."""
    ABORTED = "aborted"
    """Its owner gave it up."""
    REPORTED = "reported"
    """What a client or processor said of it in its own words, or without any."""


EXPIRED = "expired"
ABORTED = "aborted"
PARTS_DIFFER = "the parts have another checksum"
"""The whole `status_reason` of these."""

BEGINNINGS: Mapping[FailureReason, tuple[str, ...]] = {
    FailureReason.SIZE: ("size is ",),
    FailureReason.TYPE: ("type is ",),
    FailureReason.CHECKSUM: (
        PARTS_DIFFER,
        *(f"{algorithm} is " for algorithm in ChecksumAlgorithm),
    ),
    FailureReason.REPLACED: ("the object was replaced ",),
    FailureReason.EXPIRED: (EXPIRED,),
    FailureReason.ABORTED: (ABORTED,),
}
"""How each begins (`discrepancies` words the first four); whatever else is REPORTED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """So many files of one owner with the same words; `latest` is the last time."""

    owner: str
    words: str | None
    files: int
    latest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTally:
    """One kind of failure: how many files of how many owners; `example` is its latest's words."""

    reason: FailureReason
    files: int
    owners: int
    latest: datetime
    example: str | None


def reason_of(words: str | None) -> FailureReason:
    """The kind of a failed file's `status_reason`; of several words the first counts."""
    for reason, beginnings in BEGINNINGS.items():
        if words is not None and words.startswith(beginnings):
            return reason
    return FailureReason.REPORTED


def tally(failures: Iterable[Failed]) -> list[FailureTally]:
    """By kind, the most frequent first."""
    kinds: dict[FailureReason, list[Failed]] = {}
    for failed in failures:
        kinds.setdefault(reason_of(failed.words), []).append(failed)
    tallies = [_tallied(reason, group) for reason, group in kinds.items()]
    return sorted(tallies, key=lambda each: (-each.files, each.reason))


def _tallied(reason: FailureReason, group: list[Failed]) -> FailureTally:
    last = max(group, key=lambda failed: failed.latest)
    return FailureTally(
        reason=reason,
        files=sum(failed.files for failed in group),
        owners=len({failed.owner for failed in group}),
        latest=last.latest,
        example=last.words,
    )
