"""What a client asks for when it wants to upload, and the rules its values obey."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.checksum import Checksum
from app.domain.file import UploadMethod
from app.domain.policy import UploadPolicy
from app.domain.ports import Capabilities
from app.exceptions.errors import FieldError, FileTooLarge, InvalidRequest

MAX_METADATA_BYTES = 2048


class RequestedMethod(StrEnum):
    PUT = "PUT"
    POST = "POST"
    MULTIPART = "multipart"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """A request whose single values are valid (the schema saw to that); sizes in bytes.

    With `size_is_limit` the client told no size, and `file_size` is the most it may be. With
    `parts_by_client` it cuts the parts of a multipart upload as it likes.
    """

    filename: str
    type: str
    file_size: int
    method: RequestedMethod = RequestedMethod.PUT
    checksum: Checksum | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    expires_in: int | None = None
    size_is_limit: bool = False
    parts_by_client: bool = False


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise `ValueError` when keys and values together exceed 2 KiB of UTF-8, or hold NUL
    (PostgreSQL's jsonb cannot store it) or a lone surrogate."""
    text = "".join(k + v for k, v in metadata.items())
    if "\x00" in text:
        raise ValueError("must not hold NUL characters")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes in all; this is {size}")


def resolve_method(
    request: UploadRequest, policy: UploadPolicy, store: Capabilities
) -> UploadMethod:
    """The method that this policy and this provider give the request.

    Raises `TypeNotAllowed`, `FileTooLarge` or `InvalidRequest` (a method or a checksum that the
    provider does not have).
    """
    policy.check_type(request.type, request.filename)
    policy.check_size(request.file_size)
    method = _chosen(request, policy, store)
    if method is UploadMethod.POST and not store.post_form:
        raise _unsupported("method", f"must be PUT: the store ({store.name}) has no POST forms")
    _check_checksum(request, method, store)
    _check_limit(request, method, store)
    return method


def largest(method: UploadMethod, policy: UploadPolicy, store: Capabilities) -> int:
    """The most bytes that a file of an unknown size may have."""
    in_store = (
        store.max_object_size
        if method is UploadMethod.MULTIPART
        else min(store.max_put_size, store.max_object_size)
    )
    return in_store if policy.max_size is None else min(policy.max_size, in_store)


def _chosen(request: UploadRequest, policy: UploadPolicy, store: Capabilities) -> UploadMethod:
    if request.method is not RequestedMethod.AUTO:
        return UploadMethod(request.method)
    most = min(policy.multipart_threshold - 1, store.max_put_size)
    return UploadMethod.PUT if request.file_size <= most else UploadMethod.MULTIPART


def _check_checksum(request: UploadRequest, method: UploadMethod, store: Capabilities) -> None:
    verified = store.multipart_checksums if method is UploadMethod.MULTIPART else store.checksums
    if request.checksum is not None and request.checksum.algorithm not in verified:
        known = ", ".join(sorted(verified)) or "none"
        raise _unsupported(
            "checksum", f"must use an algorithm that the store verifies for {method}: {known}"
        )


def _check_limit(request: UploadRequest, method: UploadMethod, store: Capabilities) -> None:
    if request.file_size > store.max_object_size:
        raise FileTooLarge(
            f"The store holds files of up to {store.max_object_size} bytes; "
            f"this one has {request.file_size}.",
            max_size=store.max_object_size,
        )
    if method is not UploadMethod.MULTIPART and request.file_size > store.max_put_size:
        raise FileTooLarge(
            f"A single {method} holds up to {store.max_put_size} bytes; "
            f"a file of {request.file_size} needs method: multipart.",
            max_size=store.max_put_size,
        )


def _unsupported(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{name} {message}.", [FieldError(name, message)])
