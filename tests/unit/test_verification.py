"""Declared against observed."""

import dataclasses

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm, check_checksum
from app.domain.ports import ObservedObject
from app.domain.verification import discrepancies
from tests.support.records import a_record

SHA = ChecksumAlgorithm.SHA256
HELLO = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
OTHER = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
RECORD = a_record(checksum=Checksum(SHA, HELLO))
GOOD = ObservedObject(size=5, type="text/plain", etag="e", checksums={SHA: HELLO})


def test_the_declared_object_has_no_discrepancy() -> None:
    assert discrepancies(RECORD, GOOD) == []


def test_a_store_that_reports_no_checksum_checked_it_on_arrival() -> None:
    assert discrepancies(RECORD, dataclasses.replace(GOOD, checksums={})) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"size": 6}, "size is 6 bytes, declared 5"),
        ({"type": "text/html"}, "type is text/html, declared text/plain"),
        ({"checksums": {SHA: OTHER}}, f"sha256 is {OTHER}, declared {HELLO}"),
    ],
)
def test_each_difference_is_named(changes: dict[str, object], says: str) -> None:
    assert discrepancies(RECORD, dataclasses.replace(GOOD, **changes)) == [says]


def test_a_limit_is_not_exceeded() -> None:
    limited = a_record(file_size=5, size_is_limit=True)
    for size, found in ((0, []), (5, []), (6, ["size is 6 bytes, at most 5 are allowed"])):
        seen = ObservedObject(size=size, type="text/plain", etag="e")
        assert discrepancies(limited, seen) == found


def test_an_object_replaced_after_verification_is_noticed() -> None:
    verified = dataclasses.replace(RECORD, etag="before")
    assert discrepancies(verified, GOOD) == ["the object was replaced after it had been verified"]


@pytest.mark.parametrize("value", ["", "AAAA", "not base64!", HELLO[:-1], HELLO + "\n", "é"])
def test_what_is_not_a_digest(value: str) -> None:
    with pytest.raises(ValueError, match="32 bytes of a sha256 digest"):
        check_checksum(SHA, value)
