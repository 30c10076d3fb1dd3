"""An error as application/problem+json (RFC 9457): the one table from error class to status.

`type` is `urn:problem-type:slipway:<code>`: the same wherever the service is mounted, and no
promise of a page behind it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from app.exceptions import errors
from app.exceptions.errors import RetryableError, SlipwayError
from app.infrastructure.logging import log_context
from app.schemas.response.problem import MEDIA_TYPE

STATUS: dict[type[SlipwayError], int] = {
    errors.InvalidRequest: 422,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.IllegalTransition: 409,
    errors.ObjectMissing: 409,
    errors.PartsIncomplete: 409,
    errors.VerificationFailed: 409,
    errors.IdempotencyConflict: 409,
    errors.WebhookDisabled: 409,
    errors.UploadExpired: 410,
    errors.FileTooLarge: 413,
    errors.QuotaExceeded: 413,
    errors.RequestTooLarge: 413,
    errors.HeadersTooLarge: 431,
    errors.CorsRefused: 400,
    errors.TypeNotAllowed: 415,
    errors.RateLimited: 429,
    errors.TooManyStreams: 429,
    errors.InternalError: 500,
    errors.StorageUnavailable: 500,  # what the first clients were promised
    errors.DatabaseUnavailable: 503,
    errors.IdentityProviderUnavailable: 503,
    errors.EventsPostponed: 503,
    errors.NotReady: 503,
}

_CHALLENGE = 'Bearer realm="slipway"'
_NOT_QUOTABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
"""What an error_description must not hold, RFC 6750 section 3."""


class ProblemResponse(Response):
    """A problem document; text that has no UTF-8 form (lone surrogates) stays escaped."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=str).encode()


def problem(
    status: int, code: str, title: str, detail: str, request_id: str | None, **extra: Any
) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": f"urn:problem-type:slipway:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
        **extra,
    }


def problem_of(error: SlipwayError, request_id: str | None) -> dict[str, Any]:
    """The document of an expected error, with its own members."""
    status = STATUS[type(error)]
    return problem(status, error.code, error.title, error.detail, request_id, **error.extra)


def problem_of_item(error: SlipwayError) -> dict[str, Any]:
    """The document of an error that concerns one item of many, for which there is no header."""
    document = problem_of(error, current_request_id())
    if isinstance(error, RetryableError):
        document["retry_after"] = error.retry_after
    return document


def problem_response(error: SlipwayError, scope: Scope) -> ProblemResponse:
    """The answer to the request in `scope`."""
    document = problem_of(error, current_request_id())
    return ProblemResponse(document, document["status"], headers=headers_of(error, scope))


def refused_preflight(detail: str, headers: Mapping[str, str]) -> ProblemResponse:
    """A preflight for an origin, method or header that CORS_ORIGINS does not allow.

    `headers` say what is allowed.
    """
    kept = {k: v for k, v in headers.items() if not k.startswith("content-")}
    document = problem_of(errors.CorsRefused(detail), current_request_id())
    return ProblemResponse(document, document["status"], headers=kept)


def current_request_id() -> str | None:
    """The id of the request being handled, None outside of one."""
    return log_context.get().get("request_id")


def headers_of(error: SlipwayError, scope: Scope) -> dict[str, str]:
    """What the answer says besides the document."""
    if isinstance(error, RetryableError):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.Unauthorized):
        return {"WWW-Authenticate": _challenge(error, scope)}
    if isinstance(error, errors.Forbidden):
        return {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'}
    return {}


def _challenge(error: errors.Unauthorized, scope: Scope) -> str:
    """RFC 6750 section 3.1: no error code for a request that carried no token at all."""
    if not any(name == b"authorization" for name, _ in scope["headers"]):
        return _CHALLENGE
    description = _NOT_QUOTABLE.sub("'", error.detail)
    return f'{_CHALLENGE}, error="invalid_token", error_description="{description}"'
