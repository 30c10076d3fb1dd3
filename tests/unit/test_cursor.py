"""Cursors: opaque, and refused unless issued here."""

import pytest
import uuid_utils.compat

from app.exceptions.errors import InvalidRequest
from app.schemas.cursor import (
    decode_event_cursor,
    decode_file_cursor,
    encode_event_cursor,
    encode_file_cursor,
)


def test_there_and_back() -> None:
    last = uuid_utils.compat.uuid7()
    assert decode_file_cursor(encode_file_cursor(last)) == last
    assert decode_event_cursor(encode_event_cursor(2**63 - 1)) == 2**63 - 1


def test_the_first_page_needs_none_and_the_last_gives_none() -> None:
    assert (decode_file_cursor(None), decode_event_cursor(None)) == (None, 0)
    assert (encode_file_cursor(None), encode_event_cursor(None)) == (None, None)


def test_an_event_cursor_is_within_what_postgresql_counts() -> None:
    assert decode_event_cursor("_" * 10 + "8") < 2**63


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "=" * 22, "!" * 22])
def test_anything_else_is_refused(cursor: str) -> None:
    for decode in (decode_file_cursor, decode_event_cursor):
        with pytest.raises(InvalidRequest, match="next_cursor"):
            decode(cursor)
