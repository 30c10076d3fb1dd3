"""Opaque cursors of keyset pages: base64url of the last id, nothing to trust and nothing secret."""

import base64
import binascii
from uuid import UUID

from app.exceptions.errors import FieldError, InvalidRequest

_EVENT_BYTES = 8
_MAX_BIGINT = 2**63 - 1
_FILE_BYTES = 16


def encode_file_cursor(before: UUID | None) -> str | None:
    """The cursor that continues after the file `before`."""
    return None if before is None else _encode(before.bytes)


def decode_file_cursor(cursor: str | None) -> UUID | None:
    """The id in it; `InvalidRequest` for anything this service did not issue."""
    return None if cursor is None else UUID(bytes=_decode(cursor, _FILE_BYTES))


def encode_event_cursor(after: int | None) -> str | None:
    """The cursor that continues after the event `after`."""
    return None if after is None else _encode(after.to_bytes(_EVENT_BYTES))


def decode_event_cursor(cursor: str | None) -> int:
    """The id in it, 0 without one; `InvalidRequest` for anything this service did not issue."""
    return 0 if cursor is None else int.from_bytes(_decode(cursor, _EVENT_BYTES)) & _MAX_BIGINT


def encode_name_cursor(after: str | None) -> str | None:
    """The cursor that continues after that name."""
    return None if after is None else _encode(after.encode())


def decode_name_cursor(cursor: str | None) -> str:
    """The name in it, empty without one; `InvalidRequest` for what is no text."""
    try:
        name = _bytes_of(cursor or "").decode()
    except UnicodeDecodeError:
        name = "\0"
    if "\0" in name or (cursor and not name):
        raise _refusal()
    return name


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(cursor: str, size: int) -> bytes:
    value = _bytes_of(cursor)
    if len(value) != size:
        raise _refusal()
    return value


def _bytes_of(cursor: str) -> bytes:
    """Nothing for what is no base64url."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        return b""


def _refusal() -> InvalidRequest:
    message = "must be a next_cursor of this service; leave it out for the first page"
    return InvalidRequest(f"cursor {message}.", [FieldError("cursor", message)])
