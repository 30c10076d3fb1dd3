"""The fast signer against boto3, byte for byte, and against AWS's own published example."""

import hmac
from datetime import UTC, datetime
from functools import lru_cache

import boto3
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.checksum import ChecksumAlgorithm
from app.domain.filename import content_disposition
from app.infrastructure.storage.boto_signer import Boto3Signer
from app.infrastructure.storage.client import signing_client
from app.infrastructure.storage.credentials import SigningCredentials
from app.infrastructure.storage.probe import PROBES, agrees, fast_signer
from app.infrastructure.storage.sigv4 import HmacSha256, SigV4Signer
from app.settings import Settings

quick = settings(max_examples=150, deadline=None)

# endpoint, region, addressing style, bucket
Place = tuple[str | None, str, str, str]
PLACES: list[Place] = [
    (None, "eu-west-1", "auto", "bucket"),
    (None, "us-east-1", "auto", "bucket"),
    (None, "us-east-1", "auto", "dotted.bucket.name"),
    (None, "eu-central-1", "path", "bucket"),
    (None, "cn-north-1", "auto", "bucket"),
    (None, "us-gov-west-1", "virtual", "bucket"),
    ("https://s3.eu-west-3.amazonaws.com", "eu-west-3", "auto", "bucket"),
    ("https://account.r2.cloudflarestorage.com", "auto", "auto", "bucket"),
    ("http://127.0.0.1:8333", "us-east-1", "auto", "bucket"),
    ("http://[::1]:9000/some/prefix/", "us-east-1", "auto", "dotted.bucket"),
    ("http://Minio.Example:80", "us-east-1", "virtual", "bucket"),
    ("https://minio.example:443/prefix", "us-east-1", "path", "bucket"),
    ("https://minio.example:8443", "us-east-1", "virtual", "bucket"),
]


@lru_cache
def session() -> boto3.Session:
    return boto3.Session()


def pair(place: Place, token: str | None = None) -> tuple[SigV4Signer, Boto3Signer]:
    """The fast signer and boto3 for the same bucket and credentials."""
    endpoint, region, style, bucket = place
    configured = Settings(
        _env_file=None,
        storage_type="s3",
        s3_endpoint_url=endpoint,
        s3_region=region,
        s3_addressing_style=style,
        s3_bucket=bucket,
    )
    credentials = SigningCredentials("AKIA/EXAMPLE", "a/secret+key", token)
    authority = Boto3Signer(
        signing_client(session(), configured, credentials, configured.s3_endpoint_url), bucket
    )
    return fast_signer(authority, credentials, bucket), authority


cached_pair = lru_cache(pair)

text = st.text(st.characters(exclude_categories=["Cs"]))
keys = text.filter(lambda key: key != "" and not key.endswith("${filename}"))
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)
media_types = st.from_regex(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,20}/[a-z0-9.+-]{1,20}", fullmatch=True)
base64s = st.from_regex(r"[A-Za-z0-9+/]{6,43}={0,2}", fullmatch=True)
sizes = st.integers(0, 5 * 1024**3)
lifetimes = st.integers(1, 604800)
algorithms = st.sampled_from(ChecksumAlgorithm)
dispositions = st.builds(content_disposition, st.sampled_from(["inline", "attachment"]), text)


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_every_kind_at_every_place(place: Place, token: str | None) -> None:
    fast, authority = pair(place, token)
    for kind, probe in PROBES.items():
        assert agrees(probe, fast, authority), kind


@quick
@given(st.sampled_from(PLACES), keys, media_types | printable, sizes, lifetimes)
@example(PLACES[0], "/", "text/plain", 0, 1)
@example(PLACES[8], "a//../b/./c", "  two   words ", 0, 1)
def test_put(place: Place, key: str, type: str, size: int, lifetime: int) -> None:
    headers = {"content-type": type, "if-none-match": "*", "content-length": str(size)}
    assert agrees(
        lambda s, now: s.presign("PUT", key, headers=headers, expires_in=lifetime, now=now),
        *cached_pair(place),
    )


@quick
@given(st.sampled_from(PLACES), keys, algorithms, base64s)
def test_put_with_a_checksum(
    place: Place, key: str, algorithm: ChecksumAlgorithm, value: str
) -> None:
    headers = {"content-length": "5", f"x-amz-checksum-{algorithm}": value}
    assert agrees(
        lambda s, now: s.presign("PUT", key, headers=headers, expires_in=60, now=now),
        *cached_pair(place),
    )


@quick
@given(st.sampled_from(PLACES), keys, media_types | text, dispositions | text)
def test_get(place: Place, key: str, type: str, disposition: str) -> None:
    query = {"response-content-type": type, "response-content-disposition": disposition}
    assert agrees(
        lambda s, now: s.presign("GET", key, query=query, expires_in=60, now=now),
        *cached_pair(place),
    )


@quick
@given(st.sampled_from(PLACES), keys)
@example(PLACES[8], "a//../b/./c")
def test_head(place: Place, key: str) -> None:
    assert agrees(lambda s, now: s.sign_head(key, now=now), *cached_pair(place))


@quick
@given(st.sampled_from(PLACES), keys, st.integers(1, 10_000), text.filter(bool))
def test_part(place: Place, key: str, number: int, upload: str) -> None:
    query = {"uploadId": upload, "partNumber": str(number)}
    assert agrees(
        lambda s, now: s.presign("PUT", key, query=query, expires_in=60, now=now),
        *cached_pair(place),
    )


@quick
@given(
    st.sampled_from(PLACES),
    keys,
    text.filter(bool),
    st.lists(st.integers(0, 10_001), min_size=1, max_size=5),
    lifetimes,
)
def test_parts(place: Place, key: str, upload: str, numbers: list[int], lifetime: int) -> None:
    assert agrees(
        lambda s, now: s.presign_parts(key, upload, numbers, expires_in=lifetime, now=now),
        *cached_pair(place),
    )


@settings(max_examples=30, deadline=None)
@given(keys, text.filter(bool), st.none() | printable)
def test_a_batch_is_what_its_parts_are_one_by_one(key: str, upload: str, token: str | None) -> None:
    fast, _ = pair(PLACES[0], token)
    when = {"expires_in": 60, "now": datetime(2026, 11, 21, 12, tzinfo=UTC)}
    single = [
        fast.presign("PUT", key, query={"partNumber": number, "uploadId": upload}, **when)
        for number in ("3", "1", "10000")
    ]
    assert fast.presign_parts(key, upload, [3, 1, 10_000], **when) == single
    assert fast.presign_parts(key, upload, [], **when) == []


@quick
@given(
    st.sampled_from(PLACES), keys, media_types | text, st.tuples(sizes, sizes), lifetimes, base64s
)
def test_post(
    place: Place, key: str, type: str, within: tuple[int, int], lifetime: int, checksum: str
) -> None:
    fields = {"Content-Type": type, "x-amz-checksum-sha256": checksum}
    wish = {"fields": fields, "sizes": within, "expires_in": lifetime}
    assert agrees(lambda s, now: s.presign_post(key, **wish, now=now), *cached_pair(place))


def test_post_keeps_the_order_of_the_fields() -> None:
    fast, authority = cached_pair(PLACES[0])
    arguments = {"fields": {"b": "2", "a": "1"}, "sizes": (1, 1), "expires_in": 60}
    expected = authority.presign_post("k", **arguments, now=datetime.now(UTC))
    form = fast.presign_post("k", **arguments, now=datetime.now(UTC))
    assert list(form.fields) == list(expected.fields)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(PLACES), printable)
def test_session_tokens(place: Place, token: str) -> None:
    fast, authority = pair(place, token)
    assert all(agrees(probe, fast, authority) for probe in PROBES.values())


def test_the_example_that_aws_publishes() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    signer = SigV4Signer(
        SigningCredentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        region="us-east-1",
        bucket="examplebucket",
        base_url="https://examplebucket.s3.amazonaws.com/",
        post_url="https://examplebucket.s3.amazonaws.com/",
    )
    url = signer.presign("GET", "test.txt", expires_in=86400, now=datetime(2013, 5, 24, tzinfo=UTC))
    assert url.endswith(
        "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_a_new_day_has_a_new_key() -> None:
    used, _ = pair(PLACES[0])
    last, first = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    for now in (last, first, last):
        fresh, _ = pair(PLACES[0])
        assert used.presign("GET", "k", expires_in=60, now=now) == fresh.presign(
            "GET", "k", expires_in=60, now=now
        )


@given(st.binary(max_size=100), text, text)
def test_hmac_goes_on_from_a_beginning(key: bytes, start: str, rest: str) -> None:
    begun = HmacSha256(key).begun(start)
    assert begun.digest(rest) == begun.digest(rest) == HmacSha256(key).digest(start + rest)


@given(st.binary(max_size=100), text)
def test_hmac_is_that_of_the_standard_library(key: bytes, message: str) -> None:
    expected = hmac.digest(key, message.encode(), "sha256")
    assert HmacSha256(key).digest(message) == expected
    assert HmacSha256(key).digest(message) == expected
