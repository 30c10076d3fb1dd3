"""Cursors: opaque, and refused unless issued here."""

import pytest
import uuid_utils.compat

from app.exceptions.errors import InvalidRequest
from app.schemas.cursor import decode_cursor, encode_cursor


def test_there_and_back() -> None:
    last = uuid_utils.compat.uuid7()
    assert decode_cursor(encode_cursor(last)) == last
    assert encode_cursor(None) is None
    assert decode_cursor(None) is None


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "=" * 22, "!" * 22])
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="next_cursor"):
        decode_cursor(cursor)
