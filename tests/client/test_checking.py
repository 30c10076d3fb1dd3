"""Bytes against a declared checksum."""

import random

import pytest

from app.client.checking import Check
from app.client.download_errors import Corrupt, Uncheckable
from app.domain.checksum import ChecksumAlgorithm
from tests.support.checksums import checksum_of

DATA = random.Random(3).randbytes(10_000)


def check_of(algorithm: ChecksumAlgorithm, declared_of: bytes, type: str = "full_object") -> Check:
    value = checksum_of(algorithm, declared_of).value
    return Check({"algorithm": algorithm, "value": value, "type": type})


def given(check: Check, data: bytes) -> None:
    for start in range(0, len(data), 999):
        check.take(memoryview(data)[start : start + 999])
    check.end()


@pytest.mark.parametrize("algorithm", ChecksumAlgorithm)
@pytest.mark.parametrize("data", [b"", b"a", DATA])
def test_the_declared_bytes_pass(algorithm: ChecksumAlgorithm, data: bytes) -> None:
    check = check_of(algorithm, data)
    given(check, data)
    assert check.algorithm == algorithm


@pytest.mark.parametrize("algorithm", ChecksumAlgorithm)
def test_other_bytes_do_not(algorithm: ChecksumAlgorithm) -> None:
    with pytest.raises(Corrupt, match=f"the {algorithm} "):
        given(check_of(algorithm, DATA), DATA[:-1] + b"!")


def test_a_checksum_of_checksums_says_nothing_about_bytes() -> None:
    check = check_of(ChecksumAlgorithm.SHA256, b"of parts", type="composite")
    given(check, DATA)
    assert check.algorithm is None


def test_nothing_declared_is_nothing_checked() -> None:
    check = Check(None)
    given(check, DATA)
    assert check.algorithm is None


def test_an_algorithm_that_nobody_here_knows_is_told() -> None:
    with pytest.raises(Uncheckable, match="xxh3"):
        Check({"algorithm": "xxh3", "value": "AAAA", "type": "full_object"})
