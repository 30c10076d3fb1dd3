"""What Uppy's words mean, what a token grants, and when an unannounced file is looked for."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.arrival import LATEST, SOONEST, look
from app.domain.parts import MAX_PART_SIZE, MAX_PARTS, MIN_PART_SIZE, PartPlan
from app.domain.principal import Principal, Scope
from app.domain.upload_grant import UploadGrant, UploadToken, digest_of, new_token
from app.domain.uppy import UppyFile, finished_parts
from app.exceptions.errors import FileTooLarge, Forbidden, InvalidRequest
from tests.support.records import NOON, a_record


def said(filename: object = "a.txt", type: object = "text/plain", **metadata: str) -> UppyFile:
    return UppyFile.of(filename, type, metadata, "field")


def test_what_is_known_is_not_kept_twice() -> None:
    file = said(name="a.txt", type="text/plain", size="5", policy="p", relativePath="null", k="v")
    assert file == UppyFile(
        filename="a.txt", type="text/plain", size=5, policy="p", metadata={"k": "v"}
    )
    assert said(name="another").metadata == {"name": "another"}


@pytest.mark.parametrize(
    ("type", "meant"),
    [
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("video/webm;codecs=vp9", "video/webm"),
        ("Image/PNG", "image/png"),
    ],
)
def test_types_as_browsers_give_them(type: object, meant: str) -> None:
    assert UppyFile.of("a", type, {}, "field").type == meant


@pytest.mark.parametrize("size", ["", "-1", "1.5", "1e3", "XL", "٣", "9" * 19, "0x10"])
def test_a_size_that_is_none(size: str) -> None:
    with pytest.raises(InvalidRequest, match="setFileMeta"):
        said(size=size)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"filename": None}, '"filename" field is required'),
        ({"filename": 5}, '"filename" field is required'),
        ({"filename": "a/b"}, "path separator"),
        ({"type": ["a/b"]}, "s3: content type must be a string"),
        ({"type": "nothing"}, "media type"),
        ({"k": "x" * 3000}, "2048"),
        ({"k": "\x00"}, "NUL"),
    ],
)
def test_what_cannot_be(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        said(**wrong)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, MAX_PARTS * MAX_PART_SIZE), st.integers(0, 4 * MIN_PART_SIZE))
def test_a_finished_file_shows_every_part_that_a_client_can_have_cut(size: int, more: int) -> None:
    smallest = max(MIN_PART_SIZE, -(-size // MAX_PARTS))
    cut = PartPlan(size, smallest + more)
    numbers = [part.number for part in finished_parts(size)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert cut.part_count <= len(numbers) <= MAX_PARTS
    assert sum(part.size for part in finished_parts(size)) == size


ALICE = Principal("alice", frozenset({Scope.WRITE, Scope.ADMIN}))
NARROW = UploadGrant(principal=ALICE, policy="film", max_size=10)


def test_a_grant_is_for_its_policy_and_size() -> None:
    assert NARROW.choose_policy(None) == NARROW.choose_policy("film") == "film"
    with pytest.raises(Forbidden, match="'film' alone"):
        NARROW.choose_policy("default")
    NARROW.check_size(10)
    with pytest.raises(FileTooLarge, match="up to 10 bytes"):
        NARROW.check_size(11)
    free = UploadGrant(principal=ALICE)
    free.check_size(10**15)
    assert (free.choose_policy(None), free.choose_policy("film")) == (None, "film")


@pytest.mark.parametrize(
    ("record", "covered"),
    [
        ({"policy": "film", "file_size": 10}, True),
        ({"policy": "film", "file_size": 11}, False),
        ({"policy": "default", "file_size": 10}, False),
        ({"policy": "film", "file_size": 10, "owner": "bob"}, False),
    ],
)
def test_a_grant_covers_what_it_could_have_made(record: dict[str, Any], covered: bool) -> None:
    assert NARROW.covers(a_record(**record)) is covered
    assert UploadGrant(principal=ALICE).covers(a_record(**record)) is ("owner" not in record)


def test_a_token_grants_writing_alone() -> None:
    token = UploadToken(digest="d", owner="alice", policy="film", max_size=None, expires_at=NOON)
    assert token.grant.principal == Principal("alice", frozenset({Scope.WRITE}))
    assert token.grant.principal.expires_at == NOON.timestamp()


def test_tokens_are_random_and_only_a_digest_is_kept() -> None:
    first, second = new_token(), new_token()
    assert first != second
    assert len(first) > 40
    assert digest_of(first) not in (first, digest_of(second))


def looks(life: timedelta) -> tuple[list[timedelta], timedelta]:
    """The times between the looks for a file, and what is left of its life after the last."""
    record = a_record(ends_at=NOON + life)
    now, waits = NOON, []
    while (job := look(record, now)) is not None and len(waits) < 1000:
        assert job.at is not None
        waits.append(job.at - now)
        now = job.at
    return waits, record.ends_at - now


def test_looks_come_ever_later_and_end_with_the_record() -> None:
    waits, left = looks(timedelta(minutes=2))
    assert waits[:5] == [timedelta(seconds=s) for s in (2, 2, 4, 8, 16)]
    assert (min(waits), max(waits)) == (SOONEST, LATEST)
    assert timedelta(0) < left <= LATEST


def test_a_url_that_lives_for_days_costs_few_looks() -> None:
    waits, left = looks(timedelta(days=7))
    assert len(waits) < 200
    assert timedelta(0) < left <= timedelta(days=7) / 20
