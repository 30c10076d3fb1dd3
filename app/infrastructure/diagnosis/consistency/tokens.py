"""Whether the tokens that are meant are those that are taken, and no others."""

from collections.abc import Iterator

from app.domain.diagnosis import Finding, Remedy, note, warning
from app.infrastructure.jwt_keys import HMAC_ALGORITHMS, PUBLIC_KEY_ALGORITHMS
from app.settings import Settings


def keys(settings: Settings) -> Iterator[Finding]:
    """Keys that nothing is verified with, and secrets that sign beside a provider."""
    listed = settings.jwt_algorithms
    by_secret = not listed or any(name in HMAC_ALGORITHMS for name in listed)
    by_public_key = not listed or any(name in PUBLIC_KEY_ALGORITHMS for name in listed)
    if settings.jwt_secret and not by_secret:
        yield _unused("JWT_SECRET", listed, "HS256")
    if settings.jwt_jwks_url and not by_public_key:
        yield _unused("JWT_JWKS_URL", listed, "RS256")
    if settings.jwt_public_key and not by_public_key:
        yield _unused("JWT_PUBLIC_KEY", listed, "RS256")
    if settings.jwt_secret and settings.jwt_jwks_url and by_secret and by_public_key:
        yield note(
            "Tokens are taken from the identity provider, and from whoever knows JWT_SECRET.",
            "The secret makes tokens for every owner, and for administrators.",
            Remedy(text="Leave out JWT_SECRET, unless your own servers sign with it."),
        )


def _unused(name: str, listed: tuple[str, ...], algorithm: str) -> Finding:
    return warning(
        f"{name} is set, and JWT_ALGORITHMS ({', '.join(listed)}) has none that uses it.",
        why="Tokens signed that way are refused.",
        remedy=Remedy(text=f"Add the algorithm, such as {algorithm}, or leave out {name}."),
    )


def issuer(settings: Settings) -> Iterator[Finding]:
    if settings.jwt_jwks_url and not settings.jwt_issuer:
        yield warning(
            "JWT_JWKS_URL is set, and JWT_ISSUER is not.",
            why="Providers sign the tokens of many tenants with the same keys.",
            remedy=Remedy(
                text="Set it to the `iss` of your tokens.", command="JWT_ISSUER=https://…"
            ),
        )


def audience(settings: Settings) -> Iterator[Finding]:
    if settings.jwt_jwks_url and not settings.jwt_audience:
        yield warning(
            "JWT_JWKS_URL is set, and JWT_AUDIENCE is not.",
            why="Tokens that name an audience, as providers' do, are refused; those that name none "
            "are taken, whichever application they are for.",
            remedy=Remedy(text="Set it to the `aud` of your tokens.", command="JWT_AUDIENCE=…"),
        )
