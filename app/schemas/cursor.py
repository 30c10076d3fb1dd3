"""Opaque cursors of keyset pages: base64url of the last id, nothing to trust and nothing secret."""

import base64
import binascii
from uuid import UUID

from app.exceptions.errors import FieldError, InvalidRequest


def encode_cursor(before: UUID | None) -> str | None:
    """The cursor that continues after the file `before`."""
    return base64.urlsafe_b64encode(before.bytes).rstrip(b"=").decode() if before else None


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id in a cursor; `InvalidRequest` for anything this service did not issue."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        message = "must be a next_cursor of this service; leave it out for the first page"
        raise InvalidRequest(f"cursor {message}.", [FieldError("cursor", message)]) from None
