"""How bucket events look in the OpenAPI document; `app/domain/storage_event.py` reads them."""

from typing import Any

_KEY = "uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d.png"

S3_EVENTS: dict[str, Any] = {
    "Records": [
        {
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "slipway"}, "object": {"key": _KEY}},
        }
    ]
}
EVENT_BRIDGE: dict[str, Any] = {
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"bucket": {"name": "slipway"}, "object": {"key": _KEY}},
}
SEAWEEDFS: dict[str, Any] = {
    "event_type": "create",
    "key": f"/buckets/slipway/{_KEY}",
    "message": {},
}

SCHEMA: dict[str, Any] = {
    "title": "StorageEvents",
    "description": "As the store sends it: S3's `Records` (also MinIO's and Ceph's), an event of "
    "EventBridge, a message of SNS, or one of SeaweedFS's webhook; up to 1,000 events.",
    "type": "object",
    "examples": [S3_EVENTS, EVENT_BRIDGE, SEAWEEDFS],
}
