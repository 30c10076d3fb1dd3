"""`python -m app token`: a token to try the service with."""

import json
from typing import Annotated

import typer

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.infrastructure import token_issuer
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
    """A token of this service. Raises CommandError when it can sign none."""
    try:
        return token_issuer.issue_token(settings, sub, scope=scope, expires_in=expires_in)
    except ValueError as error:
        raise CommandError(str(error)) from None
