"""Uppy's requests, read by hand: what is wrong with them is told in Companion's words."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from app.domain.parts import MAX_PARTS
from app.domain.uppy import UppyFile
from app.exceptions.errors import FieldError, InvalidRequest, NotFound
from app.service.storage_events import read_json
from app.service.uppy import Named

MAX_MEMBERS = 100
"""Of metadata; 2 KiB cannot hold many more."""

_NO_KEY = 's3: the object key must be passed as a query parameter. For example: "?key=abc.jpg"'
_NO_NUMBER = f"s3: the part number must be a number between 1 and {MAX_PARTS}."
_NO_NUMBERS = (
    "s3: the part numbers must be passed as a comma separated query parameter. For example: "
    '"?partNumbers=4,6,7,21"'
)
_NO_PARTS = "s3: `parts` must be an array of {ETag, PartNumber} objects."


def file_in_query(query: Mapping[str, str]) -> UppyFile:
    """`filename`, `type` and `metadata[…]`. Raises `InvalidRequest`."""
    said = {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in query.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    return UppyFile.of(query.get("filename"), query.get("type"), _few(said), "query parameter")


def file_in_body(body: bytes) -> UppyFile:
    """The same as JSON, whose metadata may be of any type. Raises `InvalidRequest`."""
    document = _object(body)
    said = document.get("metadata")
    if not isinstance(said, dict | None):
        raise InvalidRequest("s3: metadata must be an object", [_must("metadata", "be an object")])
    texts = {name: _text(value) for name, value in _few(said or {}).items() if value is not None}
    return UppyFile.of(document.get("filename"), document.get("type"), texts, "field")


def named(upload_id: str, query: Mapping[str, str]) -> Named:
    """Raises `InvalidRequest` without a key, and `NotFound` for an id that is none of ours."""
    key = query.get("key")
    if not key:
        raise InvalidRequest(_NO_KEY, [_must("key", "be passed as a query parameter")])
    try:
        return Named(UUID(upload_id), key)
    except ValueError:
        raise NotFound("There is no such file, or it is not yours.") from None


def part_number(text: str) -> int:
    """Raises `InvalidRequest`."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= MAX_PARTS:
        raise InvalidRequest(_NO_NUMBER, [_must("partNumber", f"be within 1 to {MAX_PARTS}")])
    return number


def part_numbers(query: Mapping[str, str]) -> list[int]:
    """Of `1,2,3`. Raises `InvalidRequest`."""
    texts = [text for text in query.get("partNumbers", "").split(",", MAX_PARTS) if text]
    if not texts:
        raise InvalidRequest(_NO_NUMBERS, [_must("partNumbers", "be passed")])
    return [part_number(text.strip()) for text in texts]


def parts_in_body(body: bytes) -> dict[int, str]:
    """ETags by part number. Raises `InvalidRequest`."""
    parts = _object(body).get("parts")
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_PARTS:
        raise InvalidRequest(_NO_PARTS, [_must("parts", f"be 1 to {MAX_PARTS} parts")])
    claimed = dict(map(_part, parts))
    if len(claimed) != len(parts):
        raise InvalidRequest(_NO_PARTS, [_must("parts", "name every part once")])
    return claimed


def _part(part: object) -> tuple[int, str]:
    number, etag = (part.get("PartNumber"), part.get("ETag")) if isinstance(part, dict) else (0, "")
    # JSON's true is an int to Python.
    if type(number) is not int or not isinstance(etag, str) or not etag:
        raise InvalidRequest(_NO_PARTS, [_must("parts", "be of {ETag, PartNumber}")])
    return part_number(str(number)), etag


def _object(body: bytes) -> dict[str, Any]:
    document = read_json(body)
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.", [_must("body", "be an object")])
    return document


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # It reads what is nested four times as deep as it writes.
        message = "not be nested so deeply"
        raise InvalidRequest(f"metadata must {message}.", [_must("metadata", message)]) from None


def _few(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(metadata) > MAX_MEMBERS:
        message = f"have at most {MAX_MEMBERS} members"
        raise InvalidRequest(f"metadata must {message}.", [_must("metadata", message)])
    return metadata


def _must(field: str, what: str) -> FieldError:
    return FieldError(field, f"must {what}")
