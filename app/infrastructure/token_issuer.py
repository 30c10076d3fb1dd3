"""Tokens that this service signs itself: for its command line and for development."""

import time

from jose import jwt

from app.settings import Settings


def issue_token(settings: Settings, sub: str, *, scope: str = "", expires_in: int) -> str:
    """A JWT (RFC 7519) that this service accepts for `expires_in` seconds.

    Without `scope` it holds what a token without that claim holds. Raises ValueError when the
    service takes no token signed with a secret: then only the owner of the private key can sign.
    """
    secret, algorithm = _key(settings)
    now = int(time.time())
    claims = {
        "sub": sub,
        "iat": now,
        "exp": now + expires_in,
        "scope": scope,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
    }
    return jwt.encode({name: value for name, value in claims.items() if value}, secret, algorithm)


def _key(settings: Settings) -> tuple[str, str]:
    """The secret and the first accepted algorithm that uses one (RFC 7518 section 3.2)."""
    accepted = settings.jwt_algorithms or ("HS256",)
    algorithm = next((name for name in accepted if name.startswith("HS")), None)
    if settings.jwt_secret is None or algorithm is None:
        raise ValueError(
            "only tokens signed with a private key are accepted: get one from whoever holds it, "
            "or set JWT_SECRET"
        )
    return settings.jwt_secret.get_secret_value(), algorithm
