"""The credentials that sign, as snapshots: one signature never mixes two generations of keys."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.credentials import Credentials

from app.exceptions.errors import StorageUnavailable

_NONE = (
    "There are no credentials for the object store: set S3_ACCESS_KEY and S3_SECRET_KEY, "
    "or give the process a role."
)


@dataclass(frozen=True, slots=True)
class SigningCredentials:
    """One generation of keys; `expires_at` (UTC) is None for keys that do not expire."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


def read_credentials(source: Credentials | None) -> SigningCredentials:
    """The newest generation that boto3's chain has; may call the network to refresh.

    Raises `StorageUnavailable` when the chain found no credentials, and whatever botocore raises
    when they have ended and cannot be refreshed.
    """
    if source is None:
        raise StorageUnavailable(_NONE)
    before = _expiry(source)
    keys = source.get_frozen_credentials()
    expires_at = _expiry(source)
    if expires_at != before:
        # A call in another thread may have renewed them in between: the end would be the new
        # keys', so take those. Right after a renewal botocore has them at hand.
        keys = source.get_frozen_credentials()
    if not (keys.access_key and keys.secret_key):
        raise StorageUnavailable(_NONE)
    return SigningCredentials(keys.access_key, keys.secret_key, keys.token, expires_at)


def _expiry(source: Credentials) -> datetime | None:
    # It has no public name, and only refreshable credentials have it:
    # https://github.com/boto/botocore/blob/develop/botocore/credentials.py
    expires_at: datetime | None = getattr(source, "_expiry_time", None)
    return expires_at and expires_at.astimezone(UTC)
