"""Upload policies and the method they give a request."""

import dataclasses

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.policy import Policies, UploadPolicy
from app.domain.ports import Capabilities
from app.domain.upload_request import RequestedMethod, UploadRequest, resolve_method
from app.exceptions.errors import FileTooLarge, InvalidRequest, TypeNotAllowed

GIB = 1024**3
STORE = Capabilities(
    name="test",
    post_form=True,
    write_once=True,
    checksums=frozenset({ChecksumAlgorithm.SHA256}),
    max_put_size=5 * GIB,
    max_object_size=5 * 1024 * GIB,
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
        ({"method": RequestedMethod.MULTIPART}, InvalidRequest, "does not offer multipart"),
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


def test_auto_is_a_put() -> None:
    auto = request(method=RequestedMethod.AUTO)
    assert resolve_method(auto, AVATAR, STORE) is UploadMethod.PUT


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
