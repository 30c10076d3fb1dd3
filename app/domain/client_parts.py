"""Multipart uploads whose parts the client cuts as it likes, as Uppy does.

Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.parts import (
    MAX_PARTS,
    MIN_PART_SIZE,
    PartsVerdict,
    Range,
    StoredPart,
    ranges,
    wrong_etags,
)
from app.exceptions.errors import FieldError, InvalidRequest


@dataclass(frozen=True, slots=True)
class ClientParts:
    """The counterpart of `PartPlan`: parts 1 to n without a gap, all but the last 5 MiB or more.

    They are complete when they amount to `file_size` bytes, or with `size_is_limit` to no more
    than that. Then only the client knows which part is the last, so its own list is needed.
    """

    file_size: int
    size_is_limit: bool = False

    part_size = None
    part_count = None

    def size_of(self, number: int) -> int | None:
        """None: only the client knows."""
        return None

    def first(self, count: int) -> range:
        """None: how many there will be is the client's to say."""
        return range(0)

    def check(self, numbers: Iterable[int], field: str) -> None:
        """Raise `InvalidRequest`, naming `field`, for a number that no part can have."""
        beyond = [number for number in numbers if not 1 <= number <= MAX_PARTS]
        if beyond:
            message = f"must be within 1 to {MAX_PARTS}; {beyond[0]} is not"
            raise InvalidRequest(f"Every part number {message}.", [FieldError(field, message)])

    def judge(
        self, stored: Iterable[StoredPart], claimed: Mapping[int, str] | None = None
    ) -> PartsVerdict:
        """As `PartPlan.judge`. Without a list a limit is never known to be reached."""
        held = {part.number: part for part in stored}
        last = max(claimed or held, default=1)
        named = held if claimed is None else claimed
        there = [n for n in range(1, last + 1) if n in held and n in named]
        verdict = PartsVerdict(
            missing=ranges(n for n in range(1, last + 1) if n not in held or n not in named),
            wrong_size=ranges(n for n in there if n < last and held[n].size < MIN_PART_SIZE),
            wrong_etag=wrong_etags(there, held, claimed),
        )
        if not verdict.is_complete:
            return verdict
        return PartsVerdict(wrong_total=self._wrong_total([held[n] for n in there], claimed))

    def _wrong_total(
        self, parts: Sequence[StoredPart], claimed: Mapping[int, str] | None
    ) -> int | None:
        total = sum(part.size for part in parts)
        if self.size_is_limit:
            return None if claimed is not None and total <= self.file_size else total
        return None if total == self.file_size else total

    def chosen(
        self, stored: Iterable[StoredPart], claimed: Mapping[int, str] | None = None
    ) -> list[StoredPart]:
        """The parts that the object is made of, once they are judged complete."""
        return [part for part in stored if claimed is None or part.number in claimed]

    def unsent(self, stored: Iterable[StoredPart]) -> list[Range]:
        """None: which parts there will be is the client's to say."""
        return []

    def usable_bytes(self, stored: Iterable[StoredPart]) -> int:
        """The bytes of all parts, for every part may be of any size."""
        return sum(part.size for part in stored)
