"""How a file is cut into parts, and what the store's list of them amounts to."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.parts import (
    MAX_PART_SIZE,
    MAX_PARTS,
    MIB,
    PartPlan,
    StoredPart,
    plan_parts,
    ranges,
)
from app.exceptions.errors import FileTooLarge, InvalidRequest

PLAN = PartPlan(file_size=25, part_size=10)


def part(number: int, size: int = 10, etag: str = "e") -> StoredPart:
    return StoredPart(number, size, etag)


ALL = [part(1), part(2), part(3, 5)]


@pytest.mark.parametrize(
    ("file_size", "wanted", "part_size", "part_count"),
    [
        (0, 16 * MIB, 16 * MIB, 1),
        (1, 16 * MIB, 16 * MIB, 1),
        (16 * MIB, 16 * MIB, 16 * MIB, 1),
        (16 * MIB + 1, 16 * MIB, 16 * MIB, 2),
        (16 * MIB * MAX_PARTS, 16 * MIB, 16 * MIB, MAX_PARTS),
        (16 * MIB * MAX_PARTS + 1, 16 * MIB, 17 * MIB, 9412),
        (50 * 10**12, 16 * MIB, 4769 * MIB, 9999),
        (MAX_PARTS * MAX_PART_SIZE, 5 * MIB, MAX_PART_SIZE, MAX_PARTS),
    ],
)
def test_the_part_size_grows_until_ten_thousand_suffice(
    file_size: int, wanted: int, part_size: int, part_count: int
) -> None:
    plan = plan_parts(file_size, wanted)
    assert (plan.part_size, plan.part_count) == (part_size, part_count)


def test_more_than_ten_thousand_of_the_largest_parts_are_refused() -> None:
    with pytest.raises(FileTooLarge, match="up to"):
        plan_parts(MAX_PARTS * MAX_PART_SIZE + 1, 16 * MIB)


@given(st.integers(0, MAX_PARTS * MAX_PART_SIZE), st.integers(5, 5 * 1024))
def test_the_parts_make_up_the_file(file_size: int, wanted_mib: int) -> None:
    plan = plan_parts(file_size, wanted_mib * MIB)
    assert plan.part_count <= MAX_PARTS
    assert plan.part_size % MIB == 0
    last = plan.size_of(plan.part_count)
    assert 0 <= last <= plan.part_size
    assert (plan.part_count - 1) * plan.part_size + last == file_size


def test_a_number_outside_the_plan_is_named() -> None:
    PLAN.check([1, 2, 3], "parts")
    for number in (0, 4):
        with pytest.raises(InvalidRequest, match=f"within 1 to 3; {number} is not"):
            PLAN.check([1, number], "parts")


def test_all_parts_in_their_size_are_the_file() -> None:
    assert PLAN.judge(ALL).is_complete
    assert PLAN.judge([*ALL, part(4)]).is_complete, "a part beyond the plan is no part of the file"
    assert PLAN.unsent(ALL) == []
    assert PLAN.usable_bytes(ALL) == 25


def test_gaps_and_wrong_sizes_are_told_apart_and_both_are_still_to_be_sent() -> None:
    stored = [part(1, 9), part(3, 5)]
    verdict = PLAN.judge(stored)
    assert (verdict.missing, verdict.wrong_size) == ([(2, 2)], [(1, 1)])
    assert not verdict.is_complete
    assert PLAN.unsent(stored) == [(1, 2)]
    assert PLAN.usable_bytes(stored) == 5


def test_the_last_part_has_its_own_size() -> None:
    assert PLAN.judge([part(1), part(2), part(3)]).wrong_size == [(3, 3)]


def test_what_the_client_does_not_name_is_missing() -> None:
    assert PLAN.judge(ALL, {1: "e", 3: "e"}).missing == [(2, 2)]
    assert PLAN.judge(ALL[:2], {1: "e", 2: "e", 3: "e"}).missing == [(3, 3)]


def test_an_etag_that_is_not_the_stores_is_named() -> None:
    assert PLAN.judge(ALL, {1: "e", 2: "other", 3: "e"}).wrong_etag == [(2, 2)]
    assert PLAN.judge(ALL, {1: '"e"', 2: "e", 3: "e"}).is_complete, "quotes do not count"


def test_runs_of_numbers_become_ranges() -> None:
    assert ranges([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
    assert ranges([]) == []


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_their_numbers(numbers: set[int]) -> None:
    found = ranges(sorted(numbers))
    assert {n for first, last in found for n in range(first, last + 1)} == numbers
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(found))
