"""Who calls, and what their token lets them do."""

from collections.abc import Iterable
from dataclasses import dataclass
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
    """The verified caller: `subject` (the token's `sub`) owns the files it creates."""

    subject: str
    scopes: frozenset[str] = DEFAULT_SCOPES

    def require_any(self, scopes: Iterable[Scope]) -> None:
        """Raise `Forbidden` unless the token holds one of `scopes`."""
        wanted = tuple(scopes)
        if self.scopes.isdisjoint(wanted):
            names = " or ".join(wanted)
            raise Forbidden(f"This needs the scope {names}; ask for a token that holds it.")
