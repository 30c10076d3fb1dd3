"""Upload policies and the method they give a request."""

import dataclasses
from datetime import timedelta

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.policy import MULTIPART_LIFE, Policies, UploadPolicy
from app.domain.ports import Capabilities
from app.domain.upload_request import RequestedMethod, UploadRequest, resolve_method
from app.exceptions.errors import FileTooLarge, InvalidRequest, TypeNotAllowed
from tests.support.records import NOON

MIB = 1024**2
GIB = 1024**3
STORE = Capabilities(
    name="test",
    post_form=True,
    write_once=True,
    checksums=frozenset({ChecksumAlgorithm.SHA256}),
    max_put_size=5 * GIB,
    max_object_size=5 * 1024 * GIB,
    multipart_checksums=frozenset({ChecksumAlgorithm.CRC64NVME}),
    multipart_write_once=True,
    virtual_hosts=False,
)
AVATAR = UploadPolicy(
    name="avatar",
    types=("image/*",),
    extensions=("png", "jpg"),
    max_size=100,
    expires_in=60,
    max_expires_in=120,
)


def request(**changes: object) -> UploadRequest:
    plain = UploadRequest(filename="cat.png", type="image/png", file_size=100)
    return dataclasses.replace(plain, **changes)


def test_what_the_policy_allows_passes() -> None:
    assert resolve_method(request(), AVATAR, STORE) is UploadMethod.PUT


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"type": "text/html"}, TypeNotAllowed, "allows image/\\*"),
        ({"filename": "cat.exe"}, TypeNotAllowed, "end in .png, .jpg"),
        ({"filename": "png"}, TypeNotAllowed, "end in .png, .jpg"),
        ({"file_size": 101}, FileTooLarge, "up to 100 bytes"),
        (
            {"checksum": Checksum(ChecksumAlgorithm.CRC32, "AAAAAA==")},
            InvalidRequest,
            "sha256",
        ),
    ],
)
def test_what_it_does_not_is_refused(
    changes: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        resolve_method(request(**changes), AVATAR, STORE)


def test_above_five_gib_the_error_names_multipart() -> None:
    huge = request(file_size=5 * GIB + 1)
    assert resolve_method(request(file_size=5 * GIB), UploadPolicy(), STORE) is UploadMethod.PUT
    with pytest.raises(FileTooLarge, match="method: multipart"):
        resolve_method(huge, UploadPolicy(), STORE)


def test_post_needs_a_store_that_has_forms() -> None:
    post = request(method=RequestedMethod.POST)
    assert resolve_method(post, AVATAR, STORE) is UploadMethod.POST
    with pytest.raises(InvalidRequest, match="no POST forms"):
        resolve_method(post, AVATAR, dataclasses.replace(STORE, post_form=False))


@pytest.mark.parametrize(
    ("size", "method"),
    [
        (0, UploadMethod.PUT),
        (100 * MIB - 1, UploadMethod.PUT),
        (100 * MIB, UploadMethod.MULTIPART),
        (5 * GIB + 1, UploadMethod.MULTIPART),
    ],
)
def test_auto_is_multipart_from_the_threshold_up(size: int, method: UploadMethod) -> None:
    auto = request(method=RequestedMethod.AUTO, file_size=size)
    assert resolve_method(auto, UploadPolicy(), STORE) is method


def test_auto_never_exceeds_what_one_put_holds() -> None:
    policy = UploadPolicy(multipart_threshold=6 * GIB)
    largest = request(method=RequestedMethod.AUTO, file_size=5 * GIB)
    assert resolve_method(largest, policy, STORE) is UploadMethod.PUT
    larger = dataclasses.replace(largest, file_size=5 * GIB + 1)
    assert resolve_method(larger, policy, STORE) is UploadMethod.MULTIPART


def test_what_no_object_can_hold_is_refused() -> None:
    parts = request(method=RequestedMethod.MULTIPART, file_size=STORE.max_object_size)
    assert resolve_method(parts, UploadPolicy(), STORE) is UploadMethod.MULTIPART
    larger = dataclasses.replace(parts, file_size=STORE.max_object_size + 1)
    with pytest.raises(FileTooLarge, match="The store holds files of up to"):
        resolve_method(larger, UploadPolicy(), STORE)


def test_each_method_has_checksums_of_its_own() -> None:
    whole = Checksum(ChecksumAlgorithm.CRC64NVME, "AAAAAAAAAAA=")
    parts = request(method=RequestedMethod.MULTIPART, checksum=whole)
    assert resolve_method(parts, UploadPolicy(), STORE) is UploadMethod.MULTIPART
    digest = Checksum(ChecksumAlgorithm.SHA256, "A" * 43 + "=")
    with pytest.raises(InvalidRequest, match="verifies for multipart: crc64nvme"):
        resolve_method(dataclasses.replace(parts, checksum=digest), UploadPolicy(), STORE)
    with pytest.raises(InvalidRequest, match="verifies for PUT: sha256"):
        resolve_method(request(checksum=whole), AVATAR, STORE)


def test_a_multipart_upload_lives_from_sign_of_life_to_sign_of_life() -> None:
    policy = UploadPolicy(multipart_grace=3600, pending_grace=300)

    def ends(after: timedelta, url: timedelta) -> timedelta:
        return policy.multipart_ends(NOON, NOON + after + url, NOON + after) - NOON

    minutes = timedelta(minutes=1)
    assert ends(0 * minutes, 15 * minutes) == 60 * minutes
    assert ends(50 * minutes, 15 * minutes) == 110 * minutes
    assert ends(0 * minutes, 90 * minutes) == 95 * minutes, "its URLs are good until then"
    assert ends(timedelta(days=28), 15 * minutes) == MULTIPART_LIFE


def test_lifetimes() -> None:
    assert AVATAR.lifetime(None) == 60
    assert AVATAR.lifetime(120) == 120
    with pytest.raises(InvalidRequest, match="at most 120"):
        AVATAR.lifetime(121)


def test_an_unknown_policy_names_the_known() -> None:
    policies = Policies({"default": UploadPolicy(), "avatar": AVATAR})
    assert policies.get(None).name == "default"
    assert policies.get("avatar") is AVATAR
    with pytest.raises(InvalidRequest, match="avatar, default"):
        policies.get("nope")


def test_a_policy_since_removed() -> None:
    policies = Policies()
    assert policies.auto_completes("gone") is False
    assert policies.lifetime("gone", None) == 900
