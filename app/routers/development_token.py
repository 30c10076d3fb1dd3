"""A token for whoever sits at a developer's machine, so that the console opens with one click.

The route exists only where `offers_development_token` holds. A page of another site can reach it
as little as somebody beyond a proxy or behind a rebound DNS name.
https://www.w3.org/TR/fetch-metadata/ · https://owasp.org/www-community/attacks/DNS_Rebinding
"""

import ipaddress
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel

from app.domain.principal import Scope
from app.exceptions.errors import Forbidden
from app.infrastructure.development import SUBJECT, TOKEN_LIFETIME, has_generated_secret
from app.infrastructure.token_issuer import issue_token
from app.routers.dependencies import caller_address, get_container
from app.settings import Settings

PATH = "/console/development-token"
HEADER = "X-Slipway-Console"
"""A page of another origin cannot send it without a preflight, which is refused."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OF_PROXIES = ("forwarded", "via", "x-real-ip", "x-forwarded-")


class DevelopmentToken(BaseModel):
    token: str
    expires_in: int


def offers_development_token(settings: Settings) -> bool:
    """On the generated secret, listening on the loopback alone, without a proxy before it."""
    return (
        has_generated_secret(settings)
        and settings.host in _LOOPBACK
        and not settings.trusted_proxies
    )


def add_development_token(app: FastAPI, settings: Settings) -> None:
    """`POST /console/development-token`, for requests that `refusal` finds nothing against."""
    router = APIRouter(include_in_schema=False)

    @router.post(PATH)
    async def create_development_token(request: Request) -> DevelopmentToken:
        await get_container(request).limiter.check(f"address:{caller_address(request)}")
        if reason := refusal(request):
            raise Forbidden(f"{reason} Run `python -m app token --sub {SUBJECT}` instead.")
        scope = " ".join(Scope)
        token = issue_token(settings, SUBJECT, scope=scope, expires_in=TOKEN_LIFETIME)
        return DevelopmentToken(token=token, expires_in=TOKEN_LIFETIME)

    app.include_router(router)


def refusal(request: Request) -> str | None:
    """Why this is not the console's own page on this machine; None when it is."""
    headers = request.headers
    if any(name.startswith(_OF_PROXIES) for name in headers):
        return "A proxy stands between you and the service."
    if not _is_loopback(caller_address(request)):
        return "Development tokens are for callers on the service's own machine."
    [host, *more] = headers.getlist("host") or [""]
    if more or _name_of(host) not in _LOOPBACK:
        return "Open the console by 127.0.0.1 or localhost."
    own = f"{request.url.scheme}://{host}"
    if (headers.get("origin"), headers.get("sec-fetch-site")) != (own, "same-origin"):
        return "Development tokens are for the console's own page."
    return None if HEADER in headers else f"The header {HEADER} is missing."


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
