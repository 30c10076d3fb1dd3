"""`python -m app token`: a token to try the service with."""

import json
import time
from typing import Annotated

import typer
from jose import jwt

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.infrastructure.development import with_jwt_secret
from app.settings import Settings


def token(
    sub: Annotated[str, typer.Option(help="Whose files: the subject of the token.")],
    scope: Annotated[str, typer.Option(help='Space-separated, for example "files:read".')] = "",
    expires_in: Annotated[int, typer.Option(min=1, help="Seconds until it ends.")] = 3600,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one token signed with JWT_SECRET (in development generated) and nothing else."""
    settings = with_jwt_secret(load_settings())
    issued = issue_token(settings, sub, scope=scope, expires_in=expires_in)
    print(json.dumps({"token": issued, "expires_in": expires_in}) if as_json else issued)


def issue_token(settings: Settings, sub: str, *, scope: str = "", expires_in: int) -> str:
    """A JWT (RFC 7519) that this service accepts for `expires_in` seconds.

    Without `scope` it holds what a token without that claim holds. Raises CommandError when the
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
        raise CommandError(
            "only tokens signed with a private key are accepted: get one from whoever holds it, "
            "or set JWT_SECRET"
        )
    return settings.jwt_secret.get_secret_value(), algorithm
