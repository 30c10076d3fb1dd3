"""What a stream says, as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from collections.abc import Iterable
from functools import lru_cache

import orjson

from app.domain.change import Change, Position
from app.exceptions.errors import FieldError, InvalidRequest
from app.service.live_stream import Item, Opened

MEDIA_TYPE = "text/event-stream"

RETRY = b"retry: 3000\n\n"
"""Milliseconds until a browser comes back, which it does by itself."""

HEARTBEAT = b":\n\n"
"""A comment, which keeps proxies from taking the connection for idle."""

SCHEMA = {
    "type": "object",
    "description": "One event; its data is an object in JSON, empty but for `file`.",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "For `Last-Event-ID`"},
        "event": {"type": "string", "enum": ["file", "ready", "reset"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

EXAMPLE = {
    "id": "7421-998",
    "event": "file",
    "data": '{"id":"0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d","key":"uploads/2026/11/21/0199f3a1.png",'
    '"status":"uploaded","from":"pending","at":"2026-11-21T03:00:09Z","status_reason":null}',
}


def encode(items: Iterable[Item]) -> bytes:
    """The events that tell of them, in their order."""
    return b"".join(map(_encode, items))


def parse_position(text: str | None) -> Position | None:
    """The id of an event, None for none. Raises `InvalidRequest`."""
    try:
        return Position.parse(text) if text else None
    except ValueError:
        message = "must be the id of an event of this service; leave it out to start afresh"
        raise InvalidRequest(
            f"Last-Event-ID {message}.", [FieldError("last_event_id", message)]
        ) from None


@lru_cache(maxsize=1024)  # the same for each of its readers
def _encode(item: Item) -> bytes:
    if isinstance(item, Opened):
        return _event(item.position, "reset" if item.is_reset else "ready", b"{}")
    return _event(item.position, "file", orjson.dumps(_data(item), option=orjson.OPT_UTC_Z))


def _data(change: Change) -> dict[str, object]:
    return {
        "id": change.file_id,
        "key": change.key,
        "status": change.status,
        "from": change.before,
        "at": change.at,
        "status_reason": change.status_reason,
    }


def _event(position: Position, name: str, data: bytes) -> bytes:
    """`data` is one line."""
    return f"id: {position}\nevent: {name}\ndata: ".encode() + data + b"\n\n"
