"""Why uploads fail: every reason that the service gives has its kind."""

from datetime import timedelta

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.failure import ABORTED, EXPIRED, Failed, FailureReason, reason_of, tally
from app.domain.ports import ObservedObject
from app.domain.verification import discrepancies
from tests.support.records import NOON, a_record


def worded(**observed: object) -> str:
    """The only reason for which an object with these differences is refused."""
    checksum = Checksum(ChecksumAlgorithm.SHA256, "a")
    seen = {"size": 5, "type": "text/plain", "etag": "e", "version_id": None, "checksums": {}}
    found = discrepancies(
        a_record(checksum=checksum, etag="e"),
        ObservedObject(**(seen | observed)),  # type: ignore[arg-type]
    )
    [reason] = found
    return reason


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        ({"size": 4}, FailureReason.SIZE),
        ({"type": "text/html"}, FailureReason.TYPE),
        ({"checksums": {ChecksumAlgorithm.SHA256: "b"}}, FailureReason.CHECKSUM),
        ({"etag": "f"}, FailureReason.REPLACED),
    ],
)
def test_what_verification_says(observed: dict[str, object], reason: FailureReason) -> None:
    assert reason_of(worded(**observed)) is reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (EXPIRED, FailureReason.EXPIRED),
        (ABORTED, FailureReason.ABORTED),
        ("a virus", FailureReason.REPORTED),
        ("the size is wrong", FailureReason.REPORTED),
        ("", FailureReason.REPORTED),
        (None, FailureReason.REPORTED),
        ("size is 1 bytes, declared 2; type is a/b, declared c/d", FailureReason.SIZE),
    ],
)
def test_other_words(words: str | None, reason: FailureReason) -> None:
    assert reason_of(words) is reason


def test_a_tally_adds_up_kinds() -> None:
    later = NOON + timedelta(hours=1)
    one = Failed(owner="a", words="size is 1 bytes, declared 2", files=2, latest=NOON)
    two = Failed(owner="a", words="size is 3 bytes, declared 2", files=1, latest=later)
    three = Failed(owner="b", words="expired", files=3, latest=NOON)
    four = Failed(owner="c", words="expired", files=1, latest=NOON)

    [expired, size] = tally([one, two, three, four])
    assert (expired.reason, expired.files, expired.owners) == (FailureReason.EXPIRED, 4, 2)
    assert (size.files, size.owners, size.latest, size.example) == (3, 1, later, two.words)
    assert tally([]) == []
