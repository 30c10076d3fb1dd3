"""What the documents of each kind of store are read as."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.storage_event import MAX_EVENTS, UnknownShape, enclosed, parse
from tests.support.events import (
    ceph_body,
    event_bridge_body,
    minio_body,
    s3_body,
    s3_record,
    seaweedfs_body,
    sns_envelope,
)

KEY = "uploads/a b+c/ü%2B.txt"


@pytest.mark.parametrize(
    "body", [s3_body, minio_body, ceph_body, event_bridge_body, seaweedfs_body]
)
def test_each_store_names_its_bucket_and_its_key(body: Any) -> None:
    [event] = parse(body(KEY)).events
    assert event.bucket == "slipway"
    assert KEY in event.keys
    assert event.is_creation


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b.txt", "a b.txt"),
        ("a%2Bb.txt", "a+b.txt"),
        ("a%20b.txt", "a b.txt"),
        ("%C3%BC.txt", "ü.txt"),
        ("%F0%9F%9A%A2.txt", "🚢.txt"),
        ("a%252Bb", "a%2Bb"),
        ("%FF", "�"),
    ],
)
def test_keys_are_decoded_once_as_s3_encodes_them(encoded: str, key: str) -> None:
    body = s3_body("any")
    body["Records"][0]["s3"]["object"]["key"] = encoded
    [event] = parse(body).events
    assert event.keys[0] == key


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "ObjectCreated:Copy"]
)
@pytest.mark.parametrize("prefix", ["", "s3:"])
def test_every_way_to_create_an_object_counts(name: str, prefix: str) -> None:
    [event] = parse(s3_body(KEY, name=prefix + name)).events
    assert event.is_creation


@pytest.mark.parametrize(
    "body",
    [
        s3_body(KEY, name="ObjectRemoved:Delete"),
        s3_body(KEY, name="s3:ObjectRemoved:DeleteMarkerCreated"),
        s3_body(KEY, name="ObjectTagging:Put"),
        event_bridge_body(KEY, kind="Deleted"),
        seaweedfs_body(KEY, kind="delete"),
    ],
)
def test_what_creates_nothing_is_an_event_all_the_same(body: Any) -> None:
    [event] = parse(body).events
    assert not event.is_creation


def test_the_test_of_s3_holds_no_event() -> None:
    told = parse({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "slipway"})
    assert (told.events, told.unreadable) == ((), ())


def test_records_that_cannot_be_read_lose_none_of_the_others() -> None:
    good = s3_record(KEY)
    bad: list[Any] = [None, 7, "x", {}, {"eventName": 1, "s3": good["s3"]}, {"s3": {"bucket": []}}]
    bad.append(s3_record(KEY) | {"s3": {"bucket": {"name": None}, "object": {"key": "k"}}})
    told = parse({"Records": [good, *bad, good]})
    assert len(told.events) == 2
    assert told.unreadable == [f"Records.{n}" for n in range(1, 1 + len(bad))]


@pytest.mark.parametrize(
    "body", [None, [], 7, "x", {}, {"Records": {}}, {"detail-type": "Object Created"}]
)
def test_what_is_no_event_is_said_to_be_none(body: Any) -> None:
    with pytest.raises(UnknownShape):
        parse(body)


def test_a_body_has_its_limit() -> None:
    assert len(parse({"Records": [s3_record(KEY)] * MAX_EVENTS}).events) == MAX_EVENTS
    with pytest.raises(UnknownShape, match="1000"):
        parse({"Records": [s3_record(KEY)] * (MAX_EVENTS + 1)})


def test_an_envelope_holds_text() -> None:
    assert json.loads(enclosed(sns_envelope(s3_body(KEY))) or "") == s3_body(KEY)
    assert enclosed(s3_body(KEY)) is None
    assert enclosed({"Type": "Notification", "Message": {}}) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Records", "eventName", "s3", "bucket", "object", "key", "name"])
            | st.sampled_from(["detail-type", "detail", "event_type", "Event", "Type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_nothing_else_comes_of_any_document(document: Any) -> None:
    try:
        told = parse(document)
    except UnknownShape:
        return
    assert all(isinstance(key, str) for event in told.events for key in event.keys)
