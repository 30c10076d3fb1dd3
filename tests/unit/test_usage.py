"""What a file takes of a quota, and when there is no more of it."""

import dataclasses
from datetime import UTC, datetime

import pytest

from app.domain.file import FileStatus
from app.domain.usage import (
    Amount,
    Limits,
    Quota,
    Standing,
    Usage,
    change,
    held_by,
    refusal,
)
from tests.support.records import a_record

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ARRIVED = [FileStatus.UPLOADED, FileStatus.PROCESSING, FileStatus.COMPLETED]


def test_a_pending_file_reserves() -> None:
    assert held_by(FileStatus.PENDING, None, 7) == Usage(reserved=Amount(1, 7))


@pytest.mark.parametrize("status", ARRIVED)
def test_a_file_that_arrived_is_used(status: FileStatus) -> None:
    assert held_by(status, None, 7) == Usage(used=Amount(1, 7))


@pytest.mark.parametrize("status", FileStatus)
def test_what_failed_or_was_deleted_holds_nothing(status: FileStatus) -> None:
    assert held_by(FileStatus.FAILED, None, 7) == Usage()
    assert held_by(status, NOW, 7) == Usage()


def test_a_move_changes_the_difference() -> None:
    pending = a_record(file_size=7)
    uploaded = dataclasses.replace(pending, status=FileStatus.UPLOADED)
    completed = dataclasses.replace(pending, status=FileStatus.COMPLETED)
    deleted = dataclasses.replace(completed, deleted_at=NOW)

    assert change(pending, uploaded) == Usage(Amount(1, 7), Amount(-1, -7))
    assert change(uploaded, completed) == Usage()
    assert change(completed, deleted) == Usage(used=Amount(-1, -7))


def test_a_size_that_turns_out_smaller_gives_back_the_rest() -> None:
    pending = a_record(file_size=100, size_is_limit=True)
    uploaded = dataclasses.replace(
        pending, status=FileStatus.UPLOADED, file_size=7, size_is_limit=False
    )
    assert change(pending, uploaded) == Usage(Amount(1, 7), Amount(-1, -100))


STANDING = Standing(
    Usage(used=Amount(2, 50), reserved=Amount(1, 30)),
    Limits(bytes=100, files=4, in_flight_bytes=45),
)


@pytest.mark.parametrize(
    ("asked", "limits", "quota"),
    [
        (Amount(1, 15), STANDING.limits, None),
        (Amount(1, 16), STANDING.limits, Quota.IN_FLIGHT_BYTES),
        (Amount(1, 20), Limits(bytes=100), None),
        (Amount(1, 21), Limits(bytes=100), Quota.BYTES),
        (Amount(2, 0), STANDING.limits, Quota.FILES),
        (Amount(10**9, 10**18), Limits(), None),
        (Amount(1, 0), Limits(bytes=0), Quota.BYTES),
    ],
)
def test_the_limit_is_reached_to_the_byte(
    asked: Amount, limits: Limits, quota: Quota | None
) -> None:
    error = refusal(dataclasses.replace(STANDING, limits=limits), asked)

    assert (error and error.extra["quota"]) == quota


def test_a_refusal_tells_the_figures_of_its_quota() -> None:
    files = refusal(STANDING, Amount(3, 0))
    size = refusal(STANDING, Amount(1, 100))

    assert files is not None
    assert size is not None
    assert files.extra == {"quota": "files", "limit": 4, "used": 2, "reserved": 1}
    assert size.extra == {"quota": "bytes", "limit": 100, "used": 50, "reserved": 30}
    assert "100" in size.detail
    assert "Delete files" in size.detail
