"""What stores tell of their objects, in the shapes in which they tell it.

    {"Records": [{"eventName", "s3": {"bucket", "object"}}]}   S3, and as S3: MinIO, Ceph
    {"detail-type": "Object Created", "detail": {…}}           EventBridge
    {"event_type": "create", "key": "/buckets/…"}              SeaweedFS's webhook
    {"Event": "s3:TestEvent"}                                  S3, once, when it is set up
    {"Type": "Notification", "Message": "…"}                   SNS, around any of them

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
https://docs.min.io/enterprise/aistor-object-store/administration/bucket-notifications/
https://docs.ceph.com/en/latest/radosgw/notifications/#events
https://github.com/seaweedfs/seaweedfs/wiki/Filer-Notification-Webhook
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

MAX_EVENTS = 1000
"""In one document; S3 itself sends them one by one."""

_BUCKETS = "/buckets/"
"""The folder of SeaweedFS's filer in which its S3 keeps the buckets."""


class UnknownShape(ValueError):
    """The document is none of these shapes."""


@dataclass(frozen=True, slots=True)
class StorageEvent:
    """Something happened to an object.

    `keys`: its key, and the same without decoding, for stores that do not encode it (Ceph has sent
    both over the years). Only a creation matters to a file.
    """

    bucket: str
    keys: tuple[str, ...]
    is_creation: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a document holds; `unreadable` names the places in it that make no event."""

    events: Sequence[StorageEvent] = ()
    unreadable: Sequence[str] = ()


def enclosed(document: object) -> str | None:
    """The text that an SNS notification carries, which is a document again; None for any other."""
    if not isinstance(document, Mapping) or document.get("Type") != "Notification":
        return None
    message = document.get("Message")
    return message if isinstance(message, str) else None


def parse(document: object) -> Told:
    """The events of a document, in its order. Raises `UnknownShape`."""
    match document:
        case {"Records": list(records)}:
            return _each(_s3_event, records, "Records.{}")
        case {"detail-type": str(), "detail": _}:
            return _each(_event_bridge_event, [document], "detail")
        case {"event_type": str(), "key": str()}:
            return _each(_seaweedfs_event, [document], "key")
        case {"Event": "s3:TestEvent"}:
            return Told()
    raise UnknownShape("there is no event of a bucket in it")


def _each(read: Callable[[Any], StorageEvent], items: Sequence[object], place: str) -> Told:
    if len(items) > MAX_EVENTS:
        raise UnknownShape(f"there are more than {MAX_EVENTS} events in it")
    events, unreadable = [], []
    for number, item in enumerate(items):
        try:
            events.append(read(item))
        except (KeyError, TypeError, ValueError, AttributeError):
            unreadable.append(place.format(number))
    return Told(events, unreadable)


def _s3_event(record: Any) -> StorageEvent:
    bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    # MinIO, and Ceph before its release 16, name events as the configuration does.
    name = record["eventName"].removeprefix("s3:")
    return _event(bucket, name.startswith("ObjectCreated:"), unquote_plus(key), key)


def _event_bridge_event(document: Any) -> StorageEvent:
    detail = document["detail"]
    is_creation = document["detail-type"] == "Object Created"
    return _event(detail["bucket"]["name"], is_creation, detail["object"]["key"])


def _seaweedfs_event(document: Any) -> StorageEvent:
    path = document["key"]
    if not path.startswith(_BUCKETS):
        raise ValueError(path)
    bucket, _, key = path.removeprefix(_BUCKETS).partition("/")
    return _event(bucket, document["event_type"] in ("create", "rename", "update"), key)


def _event(bucket: object, is_creation: bool, *keys: object) -> StorageEvent:
    if not isinstance(bucket, str) or not all(isinstance(key, str) for key in keys):
        raise TypeError
    return StorageEvent(bucket, tuple(dict.fromkeys(map(str, keys))), is_creation)
