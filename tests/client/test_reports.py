"""Files that are reported together, to a service that says something else of each."""

import uuid
from collections.abc import Iterator, Sequence

import pytest

from app.client.answers import File
from app.client.errors import Refused, Unreachable
from app.client.patience import ATTEMPTS
from app.client.reports import LONGEST_WAIT, TOGETHER, Reports, groups
from app.domain.file import FileStatus
from tests.client.test_journal import file

MISSING = Refused(409, {"code": "object_missing"})
DOWN = Refused(500, {"code": "storage_unavailable", "retry_after": 1})


class Service:
    """The call of `Api` that reports; each file meets its outcomes in turn, the last for ever."""

    def __init__(self, **outcomes: Sequence[File | Refused]) -> None:
        self._outcomes = {one: list(found) for one, found in outcomes.items()}
        self.asked: list[list[str]] = []

    def uploaded(self, ids: Sequence[str]) -> list[File | Refused]:
        self.asked.append(list(ids))
        return [self._next(self._outcomes[one]) for one in ids]

    def _next(self, left: list[File | Refused]) -> File | Refused:
        return left.pop(0) if len(left) > 1 else left[0]


def done(id: str) -> File:
    return file(id, status=FileStatus.UPLOADED)


def reported(service: object, *ids: str) -> list[File | Refused]:
    return Reports(service, pause=lambda _: None).uploaded(ids)  # type: ignore[arg-type]


def test_only_what_passes_by_itself_is_reported_again() -> None:
    service = Service(a=[done("a")], b=[DOWN, DOWN, done("b")], c=[MISSING], d=[DOWN, MISSING])
    assert reported(service, "a", "b", "c", "d") == [done("a"), done("b"), MISSING, MISSING]
    assert service.asked == [["a", "b", "c", "d"], ["b", "d"], ["b"]]


def test_patience_has_an_end() -> None:
    service = Service(a=[DOWN], b=[done("b")])
    assert reported(service, "a", "b") == [DOWN, done("b")]
    assert len(service.asked) == ATTEMPTS


def test_a_file_that_is_there_twice_is_named_once() -> None:
    service = Service(a=[done("a")])
    assert reported(service, "a", "a") == [done("a"), done("a")]
    assert service.asked == [["a"]]


def test_what_is_said_of_the_call_is_said_of_each() -> None:
    class Busy:
        def uploaded(self, ids: Sequence[str]) -> list[File | Refused]:
            raise Refused(429, {"code": "rate_limited"})

    found = reported(Busy(), "a", "b")
    assert [outcome.code for outcome in found if isinstance(outcome, Refused)] == [
        "rate_limited"
    ] * 2


@pytest.mark.parametrize("error", [Refused(401, {"code": "unauthorized"}), Unreachable("gone")])
def test_what_ends_everything_is_raised(error: Exception) -> None:
    class Ended:
        def uploaded(self, ids: Sequence[str]) -> list[File | Refused]:
            raise error

    with pytest.raises(type(error)):
        reported(Ended(), str(uuid.uuid4()))


class TestGroups:
    def test_they_are_as_large_as_they_may_be(self) -> None:
        counted = [len(group) for group in groups(range(2 * TOGETHER + 1), lambda: 0.0)]
        assert counted == [TOGETHER, TOGETHER, 1]
        assert list(groups([])) == []

    def test_nothing_waits_long_for_one_more(self) -> None:
        now = 0.0

        def clock() -> float:
            return now

        grouped = groups(iter("abcde"), clock)
        seen = []
        for group in grouped:
            seen.append(group)
            now += LONGEST_WAIT  # while this group is reported, which is no time of the next
        assert seen == [list("abcde")]

        def slow() -> Iterator[str]:
            nonlocal now
            for letter in "abcde":
                now += LONGEST_WAIT / 2
                yield letter

        assert ["".join(group) for group in groups(slow(), clock)] == ["ab", "cd", "e"]
