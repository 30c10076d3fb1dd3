"""Object keys: made here alone; of what a client sends, only a sanitised extension enters."""

import hashlib
from datetime import datetime
from uuid import UUID

from app.domain.filename import extension
from app.domain.media_type import category
from app.domain.policy import KeyStrategy, UploadPolicy


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
