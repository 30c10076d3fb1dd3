"""What the claims of a token must say (RFC 7519 section 4.1) before it stands for anybody."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.principal import DEFAULT_SCOPES, Principal
from app.exceptions.errors import Unauthorized

MAX_SUBJECT_LENGTH = 255

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """`sub` and `exp` are required, `iss` and `aud` when configured; `leeway` in seconds.

    Without a configured audience a token that names one is refused, as RFC 7519 section 4.1.3
    demands: it was made for somebody else.
    """

    issuer: str | None = None
    audience: str | None = None
    leeway: int = 0

    def principal(self, claims: Claims, now: float) -> Principal:
        """Whom the claims stand for at `now`; `Unauthorized` names the claim that is wrong."""
        self._check_times(claims, now)
        self._check_issuer(claims)
        self._check_audience(claims)
        return Principal(_subject(claims), _scopes(claims), self.expiry(claims))

    def expiry(self, claims: Claims) -> float:
        """Seconds since the epoch from which on the token is refused."""
        if "exp" not in claims:
            raise Unauthorized("The token has no expiry time (exp).")
        return _numeric_date(claims, "exp") + self.leeway

    def _check_times(self, claims: Claims, now: float) -> None:
        if now >= self.expiry(claims):
            raise Unauthorized("The token has expired.")
        if now < _numeric_date(claims, "nbf") - self.leeway:
            raise Unauthorized("The token is not valid yet (nbf).")
        if now < _numeric_date(claims, "iat") - self.leeway:
            raise Unauthorized("The token was issued in the future (iat); check the clocks.")

    def _check_issuer(self, claims: Claims) -> None:
        if self.issuer is not None and claims.get("iss") != self.issuer:
            raise Unauthorized("The token comes from another issuer (iss).")

    def _check_audience(self, claims: Claims) -> None:
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        if self.audience not in audiences:
            hint = "" if self.audience else "; this service has none configured"
            raise Unauthorized(f"The token is meant for another audience (aud){hint}.")


def _numeric_date(claims: Claims, name: str) -> float:
    """Seconds since the epoch (RFC 7519 section 2), 0 for a claim that is not there."""
    value = claims.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthorized(f"The token's {name} must be a number of seconds.")
    if not -math.inf < value < math.inf:
        raise Unauthorized(f"The token's {name} must be finite.")
    return value


def _subject(claims: Claims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_LENGTH:
        raise Unauthorized(
            f"The token needs a subject (sub) of 1 to {MAX_SUBJECT_LENGTH} characters."
        )
    # Control characters and lone surrogates: PostgreSQL stores neither NUL nor the latter.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in subject):
        raise Unauthorized("The token's subject (sub) must not hold control characters.")
    return subject


def _scopes(claims: Claims) -> frozenset[str]:
    """RFC 8693 section 4.2: one string, separated by spaces."""
    if "scope" not in claims:
        return DEFAULT_SCOPES
    scope = claims["scope"]
    if not isinstance(scope, str):
        raise Unauthorized("The token's scope must be a string, separated by spaces.")
    return frozenset(scope.split())
