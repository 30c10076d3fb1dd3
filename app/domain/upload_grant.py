"""What the holder of an upload token may do: less than the one who asked for it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from app.domain.file import FileRecord
from app.domain.principal import Principal, Scope
from app.exceptions.errors import FileTooLarge, Forbidden

PREFIX = "slu_"
"""By which logs, and those who scan for secrets, recognise an upload token."""

DEFAULT_EXPIRES_IN = 3600
MAX_EXPIRES_IN = 24 * 3600
"""Seconds; an upload that takes longer goes on with the next token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadGrant:
    """Creating and finishing uploads for `owner`: under one policy and up to a size in bytes, where
    these are not None."""

    principal: Principal
    policy: str | None = None
    max_size: int | None = None

    def choose_policy(self, asked: str | None) -> str | None:
        """The policy that counts. Raises `Forbidden` for another than the grant's."""
        if self.policy is not None and asked not in (None, self.policy):
            raise Forbidden(f"This token uploads under the policy {self.policy!r} alone.")
        return self.policy or asked

    def check_size(self, size: int) -> None:
        """Raise `FileTooLarge` above the grant's maximum."""
        if self.max_size is not None and size > self.max_size:
            raise FileTooLarge(
                f"This token uploads files of up to {self.max_size} bytes; this one has {size}.",
                max_size=self.max_size,
            )

    def covers(self, record: FileRecord) -> bool:
        """Whether the grant could have created the record."""
        return (
            record.owner == self.principal.subject
            and self.policy in (None, record.policy)
            and (self.max_size is None or record.file_size <= self.max_size)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadToken:
    """A grant as it is kept; of the token itself only a digest is."""

    digest: str
    owner: str
    policy: str
    max_size: int | None
    expires_at: datetime

    @property
    def grant(self) -> UploadGrant:
        """Of writing alone, whatever else its owner may do."""
        scopes = frozenset({Scope.WRITE.value})
        principal = Principal(self.owner, scopes, self.expires_at.timestamp())
        return UploadGrant(principal=principal, policy=self.policy, max_size=self.max_size)


def new_token() -> str:
    """256 random bits, URL-safe."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """SHA-256 in hex. No salt: what is as random as a token cannot be guessed from it.

    Tokens are found by it, so how long a comparison takes tells nothing of the token.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
