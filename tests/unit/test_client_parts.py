"""Parts that the client cuts: when they are all, and what keeps them from it."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.client_parts import ClientParts
from app.domain.parts import MAX_PARTS, MIN_PART_SIZE, StoredPart
from app.exceptions.errors import InvalidRequest

EXACT = ClientParts(2 * MIN_PART_SIZE + 7)
LIMIT = ClientParts(3 * MIN_PART_SIZE, size_is_limit=True)


def part(number: int, size: int = MIN_PART_SIZE, etag: str = "e") -> StoredPart:
    return StoredPart(number, size, etag)


ALL = [part(1), part(2), part(3, 7)]
LIST = {1: "e", 2: '"e"', 3: "e"}


def test_a_declared_size_is_reached_with_or_without_a_list() -> None:
    assert EXACT.judge(ALL).is_complete
    assert EXACT.judge(ALL, LIST).is_complete
    assert EXACT.judge(ALL[:2]).wrong_total == 2 * MIN_PART_SIZE
    assert EXACT.judge([*ALL, part(4, 1)]).wrong_size == [(3, 3)], "7 bytes are no middle part"
    assert EXACT.judge([part(1), part(2), part(3, 8)]).wrong_total == 2 * MIN_PART_SIZE + 8


def test_a_limit_needs_the_clients_list() -> None:
    assert LIMIT.judge(ALL, LIST).is_complete
    assert not LIMIT.judge(ALL).is_complete
    assert LIMIT.judge([part(n) for n in (1, 2, 3)], LIST).is_complete, "the limit is included"
    beyond = [*(part(n) for n in (1, 2, 3)), part(4, 1)]
    assert LIMIT.judge(beyond, {**LIST, 4: "e"}).wrong_total == LIMIT.file_size + 1


def test_what_is_stored_but_not_listed_is_no_part_of_the_file() -> None:
    stored = [*ALL, part(4)]
    assert LIMIT.judge(stored, LIST).is_complete
    assert LIMIT.chosen(stored, LIST) == ALL
    assert EXACT.chosen(ALL) == ALL


def test_gaps_short_parts_and_other_etags_are_named() -> None:
    assert EXACT.judge([part(1), part(3, 7)], LIST).missing == [(2, 2)]
    assert EXACT.judge(ALL, {1: "e", 3: "e"}).missing == [(2, 2)]
    assert EXACT.judge(ALL, {**LIST, 4: "e", 5: "e"}).missing == [(4, 5)]
    assert EXACT.judge([part(1), part(2, 6), part(3, 7)], LIST).wrong_size == [(2, 2)]
    assert EXACT.judge(ALL, {**LIST, 2: "other"}).wrong_etag == [(2, 2)]
    assert EXACT.judge([]).missing == [(1, 1)]
    assert LIMIT.judge([], {}).missing == [(1, 1)]


def test_an_empty_file_is_one_empty_part() -> None:
    assert ClientParts(0).judge([part(1, 0)]).is_complete
    assert ClientParts(0, size_is_limit=True).judge([part(1, 0)], {1: "e"}).is_complete


def test_nothing_is_planned_but_the_numbers() -> None:
    assert list(EXACT.first(100)) == []
    assert EXACT.unsent(ALL) == []
    assert EXACT.usable_bytes(ALL) == EXACT.file_size
    assert (EXACT.part_size, EXACT.part_count, EXACT.size_of(1)) == (None, None, None)
    EXACT.check([1, MAX_PARTS], "parts")
    for number in (0, MAX_PARTS + 1):
        with pytest.raises(InvalidRequest, match=f"1 to 10000; {number} is not"):
            EXACT.check([number], "parts")


sizes = st.lists(st.integers(MIN_PART_SIZE, 2 * MIN_PART_SIZE), max_size=20)
last_sizes = st.integers(0, 2 * MIN_PART_SIZE)


@settings(deadline=None)
@given(sizes, last_sizes)
def test_however_it_is_cut_all_parts_are_the_file_and_fewer_are_not(
    cut: list[int], last: int
) -> None:
    lengths = [*cut, last]
    stored = [part(n, size, f"e{n}") for n, size in enumerate(lengths, start=1)]
    claimed = {p.number: p.etag for p in stored}
    plan = ClientParts(sum(lengths))
    assert plan.judge(stored).is_complete
    assert plan.judge(stored, claimed).is_complete
    for limit in (sum(lengths), sum(lengths) + 1):
        assert ClientParts(limit, size_is_limit=True).judge(stored, claimed).is_complete
    for count, total in enumerate(accumulate(lengths[:-1]), start=1):
        assert plan.judge(stored[:count]).is_complete == (total == plan.file_size)
