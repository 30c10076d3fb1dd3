"""Who calls, and what their token lets them do."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from app.exceptions.errors import Forbidden


class Scope(StrEnum):
    """Permissions a token can hold in its space-separated `scope` claim (RFC 8693 section 4.2)."""

    READ = "files:read"
    WRITE = "files:write"
    PROCESS = "files:process"
    ADMIN = "admin"


DEFAULT_SCOPES = frozenset({Scope.READ.value, Scope.WRITE.value})
"""What a token without a `scope` claim may do."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified caller: `subject` (the token's `sub`) owns the files it creates.

    `expires_at` is when the token does, in seconds since the epoch.
    """

    subject: str
    scopes: frozenset[str] = DEFAULT_SCOPES
    expires_at: float = field(default=math.inf, compare=False)

    def require_any(self, scopes: Iterable[Scope]) -> None:
        """Raise `Forbidden` unless the token holds one of `scopes`."""
        wanted = tuple(scopes)
        if self.scopes.isdisjoint(wanted):
            names = " or ".join(wanted)
            raise Forbidden(f"This needs the scope {names}; ask for a token that holds it.")
