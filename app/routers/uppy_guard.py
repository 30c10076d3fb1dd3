"""Who may speak Companion's language, and how a refusal is said in it."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.routing import Match
from starlette.types import Scope as AsgiScope

from app.domain.principal import Scope
from app.domain.upload_grant import UploadGrant
from app.exceptions.errors import (
    IdentityProviderUnavailable,
    InvalidRequest,
    SlipwayError,
    Unauthorized,
)
from app.routers.dependencies import (
    Authenticated,
    GuardedRoute,
    bearer,
    caller_address,
    get_container,
)
from app.routers.middleware import note_owner
from app.routers.problem_document import ProblemResponse, current_request_id, headers_of, problem_of
from app.routers.problems import log_failure
from app.routers.uppy_openapi import BAD_REQUEST

PARTS_A_CALL = 20
"""Uppy asks for the URL of one part at a time, where our own clients ask for thousands in a call:
so many count as one call."""

_GRANT = "slipway.grant"


class Holder(Authenticated):
    """A dependency that admits the holders of an upload token in the path, or of a bearer token
    that may write, within their rate."""

    def __init__(self, key: str = "subject", times: int = 1) -> None:
        super().__init__(Scope.WRITE)
        self._key = key
        self._times = times

    async def __call__(self, request: Request) -> UploadGrant:  # type: ignore[override]
        grant: UploadGrant = request.scope[_GRANT]
        return grant

    async def admit(self, request: Request) -> None:
        """As `Authenticated.admit`; `DatabaseUnavailable` as well."""
        limiter = get_container(request).limiter
        try:
            grant = await _grant(request)
        except (Unauthorized, IdentityProviderUnavailable):
            await limiter.check(f"address:{caller_address(request)}")
            raise
        owner = grant.principal.subject
        note_owner(request.scope, owner)
        await limiter.check(f"{self._key}:{owner}", times=self._times)
        grant.principal.require_any([Scope.WRITE])
        request.scope[_GRANT] = grant


async def _grant(request: Request) -> UploadGrant:
    container = get_container(request)
    token = request.path_params.get("upload_token")
    if token is not None:
        return await container.upload_tokens.grant(token)
    return UploadGrant(principal=await container.verifier.verify(bearer(request)))


Grant = Annotated[UploadGrant, Depends(Holder())]
GrantForParts = Annotated[UploadGrant, Depends(Holder("parts", PARTS_A_CALL))]


class UppyRoute(GuardedRoute):
    """Answers errors as Companion does, and takes the doubled slash of Uppy 6, which adds its own
    to an endpoint that ends with one."""

    def matches(self, scope: AsgiScope) -> tuple[Match, AsgiScope]:
        if "//s3/" in scope.get("path", ""):
            scope = {**scope, "path": scope["path"].replace("//s3/", "/s3/", 1)}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def spoken(request: Request) -> Response:
            try:
                return await handle(request)
            except SlipwayError as error:
                return _refusal(error, request.scope)

        return spoken


def _refusal(error: SlipwayError, scope: AsgiScope) -> ProblemResponse:
    document = _in_its_words(error, problem_of(error, current_request_id()))
    response = ProblemResponse(document, document["status"], headers=headers_of(error, scope))
    log_failure(error, response.status_code)
    return response


def _in_its_words(error: SlipwayError, document: dict[str, Any]) -> dict[str, Any]:
    """Uppy 5 shows `message`, and takes `error` for a sign that it went wrong."""
    status = BAD_REQUEST if isinstance(error, InvalidRequest) else document["status"]
    return {
        **document,
        "status": status,
        "error": document["detail"],
        "message": document["detail"],
    }
