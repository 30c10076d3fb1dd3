"""What FastAPI found wrong with a request, in words a client can act on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from app.exceptions.errors import FieldError, InvalidRequest

MAX_ERRORS = 100
"""A batch of 1,000 files could break thousands of rules; the first ones are enough to fix it."""
MAX_FIELD_LENGTH = 200

_PLACES = ("body", "query", "path", "header", "cookie")
_SHOULD = re.compile(r"^\w+ should ")
_SEND_JSON = "must be a JSON object, sent with Content-Type: application/json"
_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not permitted: there is no such field",
}
_NOT_AN_OBJECT = ("missing", "model_attributes_type", "model_type", "dict_type")


def invalid_request(error: RequestValidationError) -> InvalidRequest:
    """The error with each broken rule by field, in the order found, none of the values repeated."""
    items = error.errors()
    found = [_field_error(item) for item in items[:MAX_ERRORS]]
    return InvalidRequest(_detail(found[0], len(items) - 1), found)


def unreadable_body() -> InvalidRequest:
    """For a body that is not text at all, or nested too deeply to parse."""
    found = FieldError("body", "must be JSON in UTF-8")
    return InvalidRequest(_detail(found, 0), [found])


def _detail(first: FieldError, others: int) -> str:
    told = f"{first.field} {first.message}."
    return f"{told} See errors for {others} more." if others else told


def _field_error(item: Mapping[str, Any]) -> FieldError:
    if item["type"] == "json_invalid":
        _, position = item["loc"]
        message = f"is not valid JSON: {item['ctx']['error']} at character {position}"
        return FieldError("body", message)
    return FieldError(_field(item["loc"]), _message(item))


def _field(loc: Sequence[Any]) -> str:
    """`files.3.filename` for `("body", "files", 3, "filename")`; `body` for the body itself."""
    inner = loc[1:] if loc[0] in _PLACES and len(loc) > 1 else loc
    return ".".join(str(part) for part in inner)[:MAX_FIELD_LENGTH]


def _message(item: Mapping[str, Any]) -> str:
    """Pydantic's own words, led over to the style of the domain: `must …`."""
    kind = item["type"]
    if tuple(item["loc"]) == ("body",) and kind in _NOT_AN_OBJECT:
        return _SEND_JSON
    if kind == "value_error":
        return str(item["ctx"]["error"])
    return _MESSAGES.get(kind) or _SHOULD.sub("must ", item["msg"])
