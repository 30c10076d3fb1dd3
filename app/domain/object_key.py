"""Object keys: made here alone; of what a client sends, only a sanitised extension enters."""

import hashlib
import re
from datetime import UTC, datetime
from uuid import UUID

from app.domain.filename import extension
from app.domain.media_type import category
from app.domain.policy import KeyStrategy, UploadPolicy

_NAME = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})(\.[a-z0-9]+)?")


def object_key(
    policy: UploadPolicy,
    *,
    file_id: UUID,
    owner: str,
    filename: str,
    type: str,
    now: datetime,
    base_prefix: str = "",
) -> str:
    """`{base_prefix}/{policy.prefix}/{strategy}/{id}.{extension}`, empty parts left out.

    Letters, digits, `-`, `_`, `.` and `/` only, so the key needs no escaping anywhere.
    """
    suffix = extension(filename)
    name = f"{file_id}.{suffix}" if suffix else str(file_id)
    parts = (base_prefix, policy.prefix, _folder(policy.key_strategy, owner, type, now), name)
    return "/".join(p.strip("/") for p in parts if p.strip("/"))


def _folder(strategy: KeyStrategy, owner: str, type: str, now: datetime) -> str:
    match strategy:
        case KeyStrategy.DATE:
            return f"{now.year:04}/{now.month:02}/{now.day:02}"
        case KeyStrategy.OWNER:
            return owner_folder(owner)
        case KeyStrategy.CATEGORY:
            return category(type)
        case KeyStrategy.FLAT:
            return ""


def owner_folder(owner: str) -> str:
    """A stable folder for an owner: a hash, because a `sub` may be an address or hold a slash."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def file_id_of(key: str) -> UUID | None:
    """The id of the file whose `object_key` this may be; None for a key of anybody else's."""
    name = _NAME.fullmatch(key.rpartition("/")[2])
    return UUID(name[1]) if name else None


def made_at(file_id: UUID) -> datetime:
    """When the id was made, which UUIDv7 begins with in ms (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((file_id.int >> 80) / 1000, UTC)
