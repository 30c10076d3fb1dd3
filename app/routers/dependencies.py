"""What every authenticated route needs: the container, the caller, their file."""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from app.container import Container
from app.domain.principal import Principal, Scope
from app.exceptions.errors import (
    FieldError,
    Forbidden,
    HeadersTooLarge,
    IdentityProviderUnavailable,
    InternalError,
    InvalidRequest,
    RateLimited,
    RequestTooLarge,
    Unauthorized,
)
from app.routers.middleware import note_owner

GUARDED = (
    InvalidRequest,
    Unauthorized,
    Forbidden,
    RequestTooLarge,
    HeadersTooLarge,
    RateLimited,
    InternalError,
    IdentityProviderUnavailable,
)
"""What every authenticated route can answer besides its own errors."""

_PRINCIPAL = "slipway.principal"


def get_container(request: Request) -> Container:
    """The container that the lifespan opened."""
    container: Container = request.app.state.container
    return container


class Authenticated(HTTPBearer):
    """A dependency that admits bearers of a valid token with one of `scopes`, within their rate.

    Callers without a valid token are counted by address, the others by subject.
    """

    def __init__(self, *scopes: Scope) -> None:
        super().__init__(
            scheme_name="bearer",
            bearerFormat="JWT",
            description="`python -m app token --sub NAME` prints one for development.",
        )
        self._scopes = scopes

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]
        principal: Principal = request.scope[_PRINCIPAL]
        return principal

    async def admit(self, request: Request) -> None:
        """Raise `Unauthorized`, `Forbidden`, `RateLimited` or `IdentityProviderUnavailable`."""
        container = get_container(request)
        try:
            principal = await container.verifier.verify(bearer(request))
        except (Unauthorized, IdentityProviderUnavailable):
            await container.limiter.check(f"address:{caller_address(request)}")
            raise
        note_owner(request.scope, principal.subject)
        await container.limiter.check(f"subject:{principal.subject}")
        principal.require_any(self._scopes)
        request.scope[_PRINCIPAL] = principal


class GuardedRoute(APIRoute):
    """Admits a caller before anything of the body is read.

    FastAPI parses the body before it calls a dependency: strangers would be told of their JSON
    instead of their token, and would cost its parsing uncounted.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        calls = [dependency.call for dependency in self.dependant.dependencies]
        [guard] = [call for call in calls if isinstance(call, Authenticated)]

        async def guarded(request: Request) -> Response:
            await guard.admit(request)
            return await handle(request)

        return guarded


def bearer(request: Request) -> str:
    """The token in the header. Raises `Unauthorized`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Send a token in the header `Authorization: Bearer <token>`.")
    return token.strip()


def caller_address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


Reader = Annotated[Principal, Depends(Authenticated(Scope.READ))]
Writer = Annotated[Principal, Depends(Authenticated(Scope.WRITE))]
Administrator = Annotated[Principal, Depends(Authenticated(Scope.ADMIN))]
Mover = Annotated[Principal, Depends(Authenticated(Scope.WRITE, Scope.PROCESS))]

_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")

IDEMPOTENCY_KEY_PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": r"^[\x20-\x7e]+$",
    },
    "description": (
        "1 to 255 printable ASCII characters. The same key and body within 24 hours return "
        "the same record, freshly signed, with 200; another body answers 409."
    ),
}


def idempotency_key(request: Request) -> str | None:
    """The header's value, None without one; `InvalidRequest` for one that breaks its rule.

    Read here because FastAPI's own header parameter costs a twentieth of the whole request.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        message = "must be 1 to 255 printable ASCII characters"
        raise InvalidRequest(
            f"Idempotency-Key {message}.", [FieldError("Idempotency-Key", message)]
        )
    return key
