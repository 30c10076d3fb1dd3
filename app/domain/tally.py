"""Finding what one of two large sets lacks, in a memory that does not grow with them."""

from array import array
from collections.abc import Iterable
from uuid import UUID

BUCKETS = 2**20
"""8 bytes each. Among 10 million ids, ten are suspected with each one that differs."""

_WORD = 2**64 - 1


class Tally:
    """The sums of the ids in one set less those in the other, bucket by bucket.

    A bucket that both sets fill alike has the sum 0, whatever the order. The ids must be random in
    their last 64 bits, as UUIDs of version 4 and 7 are (RFC 9562): then a bucket in which the sets
    differ has the sum 0 once in 2**42 times.
    """

    def __init__(self) -> None:
        self._sums = array("Q", bytes(8 * BUCKETS))

    def add(self, ids: Iterable[UUID]) -> None:
        """Count ids of the first set."""
        for file_id in ids:
            self._count(file_id, 1)

    def remove(self, ids: Iterable[UUID]) -> None:
        """Count ids of the second set."""
        for file_id in ids:
            self._count(file_id, -1)

    def suspects(self, file_id: UUID) -> bool:
        """Whether the sets may differ in this id; never false when they do."""
        return self._sums[file_id.int % BUCKETS] != 0

    def is_even(self) -> bool:
        """Whether the sets are equal."""
        return not any(self._sums)

    def _count(self, file_id: UUID, sign: int) -> None:
        bucket = file_id.int % BUCKETS
        self._sums[bucket] = (self._sums[bucket] + sign * file_id.int) & _WORD
