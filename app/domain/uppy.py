"""What Uppy says of a file, and what may be made of it.

The names and the texts of errors are those of its server, Companion:
https://github.com/transloadit/uppy/blob/main/packages/%40uppy/companion/src/server/controllers/s3.js
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from app.domain.filename import normalise_filename
from app.domain.media_type import normalise_type
from app.domain.parts import MAX_PARTS, MIN_PART_SIZE, PartPlan, StoredPart
from app.domain.upload_request import check_metadata
from app.exceptions.errors import FieldError, InvalidRequest

UNKNOWN_TYPE = "application/octet-stream"

HOW_TO_DECLARE = "set it with uppy.setFileMeta(file.id, { size: file.size })"

T = TypeVar("T")

_SIZE = re.compile(r"\d{1,18}", re.ASCII)
_NULL = "null"
"""How Uppy 6 writes a null into a query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UppyFile:
    """A file that shall be uploaded; `size` in bytes, None where the page did not declare it."""

    filename: str
    type: str
    size: int | None = None
    policy: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, filename: object, type: object, said: Mapping[str, str], place: str) -> Self:
        """From the members of a request, of which `place` says where they stand.

        Raises `InvalidRequest`. `size` and `policy` among the metadata are for us; `name` and
        `type` repeat what is known.
        """
        if not isinstance(filename, str) or not filename:
            message = f's3: the "filename" {place} is required and must be a non-empty string'
            raise InvalidRequest(message, [FieldError("filename", "is required")])
        if not isinstance(type, str | None):
            message = "s3: content type must be a string"
            raise InvalidRequest(message, [FieldError("type", "must be a string")])
        known = {"name": filename, "type": type}
        metadata = {k: v for k, v in said.items() if v not in (_NULL, known.get(k))}
        size, policy = metadata.pop("size", None), metadata.pop("policy", None)
        return cls(
            filename=_checked("filename", normalise_filename, filename),
            # A recording says `video/webm;codecs=vp9`, a file that nobody knows nothing.
            type=_checked("type", normalise_type, (type or UNKNOWN_TYPE).partition(";")[0].strip()),
            size=None if size is None else _size(size),
            policy=policy,
            metadata=_checked("metadata", _metadata, metadata),
        )


def _checked(name: str, check: Callable[[T], T], value: T) -> T:
    try:
        return check(value)
    except ValueError as error:
        raise InvalidRequest(f"{name} {error}.", [FieldError(name, str(error))]) from None


def _size(text: str) -> int:
    if not _SIZE.fullmatch(text):
        message = f"must be the size of the file in bytes: {HOW_TO_DECLARE}"
        raise InvalidRequest(f"metadata.size {message}.", [FieldError("metadata.size", message)])
    return int(text)


def _metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    check_metadata(metadata)
    return metadata


def finished_parts(size: int) -> list[StoredPart]:
    """Parts that stand for those of a finished upload, which no store can list any more.

    A client that never heard of the end asks for them, finds all of its own, whose numbers cannot
    go further than with the smallest parts, and says once more that it has finished.
    """
    plan = PartPlan(size, max(MIN_PART_SIZE, -(-size // MAX_PARTS)))
    return [StoredPart(n, plan.size_of(n), "finished") for n in range(1, plan.part_count + 1)]
