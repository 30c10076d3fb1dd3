"""Multipart uploads: how a file is cut into parts, and which of them the store still lacks.

Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.exceptions.errors import FieldError, FileTooLarge, InvalidRequest

MIB = 1024**2
MIN_PART_SIZE = 5 * MIB
"""Bytes; the last part may be smaller."""
MAX_PART_SIZE = 5 * 1024 * MIB
MAX_PARTS = 10_000

Range = tuple[int, int]
"""First and last part number, both included."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the store holds. `size` in bytes, `etag` without its quotes."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class PartPlan:
    """All parts are `part_size` bytes, as Cloudflare R2 requires, but the last, which is the rest.

    https://developers.cloudflare.com/r2/objects/upload-objects/#part-size-limits
    """

    file_size: int
    part_size: int

    @property
    def part_count(self) -> int:
        """At least 1: an empty file is one empty part."""
        return max(1, -(-self.file_size // self.part_size))

    def size_of(self, number: int) -> int:
        """Bytes of one part, numbered from 1."""
        return min(self.part_size, self.file_size - (number - 1) * self.part_size)

    def is_planned(self, number: int) -> bool:
        return 1 <= number <= self.part_count

    def first(self, count: int) -> range:
        """The first `count` numbers, or all there are."""
        return range(1, min(self.part_count, count) + 1)

    def check(self, numbers: Iterable[int], field: str) -> None:
        """Raise `InvalidRequest`, naming `field`, for a number that is not one of the plan's."""
        beyond = [number for number in numbers if not self.is_planned(number)]
        if beyond:
            message = f"must be within 1 to {self.part_count}; {beyond[0]} is not"
            raise InvalidRequest(
                f"This upload has {self.part_count} parts: every part number {message}.",
                [FieldError(field, message)],
            )

    def judge(
        self, stored: Iterable[StoredPart], claimed: Mapping[int, str] | None = None
    ) -> "PartsVerdict":
        """Compare what is stored with the plan and, if given, with the client's own list.

        `claimed` maps part numbers to ETags, with or without quotes; what it leaves out is missing.
        """
        held = {part.number: part for part in stored}
        planned = range(1, self.part_count + 1)
        there = [n for n in planned if n in held and (claimed is None or n in claimed)]
        return PartsVerdict(
            missing=ranges(
                n for n in planned if n not in held or not (claimed is None or n in claimed)
            ),
            wrong_size=ranges(n for n in there if held[n].size != self.size_of(n)),
            wrong_etag=wrong_etags(there, held, claimed),
        )

    def chosen(
        self, stored: Iterable[StoredPart], claimed: Mapping[int, str] | None = None
    ) -> list[StoredPart]:
        """The parts that the object is made of, once they are judged complete."""
        return [part for part in stored if self.is_planned(part.number)]

    def unsent(self, stored: Iterable[StoredPart]) -> list[Range]:
        """The parts that a client must still send: those missing or of another size."""
        sizes = {part.number: part.size for part in stored}
        return ranges(n for n in range(1, self.part_count + 1) if sizes.get(n) != self.size_of(n))

    def usable_bytes(self, stored: Iterable[StoredPart]) -> int:
        """The bytes of the parts that need not be sent again."""
        planned = [part for part in stored if self.is_planned(part.number)]
        return sum(part.size for part in planned if part.size == self.size_of(part.number))


@dataclass(frozen=True, slots=True)
class PartsVerdict:
    """The parts that keep the stored ones from making up the file; no member has any when they do.

    `wrong_etag` are parts for which the client names another ETag than the store. `wrong_total` is
    what the parts amount to, in bytes, where that alone is wrong.
    """

    missing: Sequence[Range] = ()
    wrong_size: Sequence[Range] = ()
    wrong_etag: Sequence[Range] = ()
    wrong_total: int | None = None

    @property
    def is_complete(self) -> bool:
        parts = self.missing or self.wrong_size or self.wrong_etag
        return not parts and self.wrong_total is None


def plan_parts(file_size: int, wanted_part_size: int) -> PartPlan:
    """`wanted_part_size`, grown in whole MiB until MAX_PARTS parts suffice.

    Raises `FileTooLarge` beyond MAX_PARTS parts of MAX_PART_SIZE.
    """
    needed = -(-file_size // (MAX_PARTS * MIB)) * MIB
    part_size = max(wanted_part_size, needed)
    if part_size > MAX_PART_SIZE:
        limit = MAX_PARTS * MAX_PART_SIZE
        raise FileTooLarge(f"A multipart upload holds up to {limit} bytes.", max_size=limit)
    return PartPlan(file_size, part_size)


def wrong_etags(
    numbers: Iterable[int], held: Mapping[int, StoredPart], claimed: Mapping[int, str] | None
) -> list[Range]:
    """Those of the held parts for which the client names another ETag than the store."""
    if claimed is None:
        return []
    return ranges(n for n in numbers if claimed[n].strip('"') != held[n].etag)


def ranges(numbers: Iterable[int]) -> list[Range]:
    """Ascending numbers as runs: 1, 2, 3, 7 -> (1, 3), (7, 7)."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    found = []
    for _, run in runs:
        members = [number for _, number in run]
        found.append((members[0], members[-1]))
    return found
