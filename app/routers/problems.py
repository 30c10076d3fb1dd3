"""Turns whatever goes wrong into a problem document."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.exceptions.errors import InternalError, MethodNotAllowed, NotFound, SlipwayError
from app.routers.problem_document import (
    ProblemResponse,
    current_request_id,
    problem,
    problem_response,
)
from app.routers.problem_openapi import add_problem_schema
from app.routers.validation import invalid_request, unreadable_body

_log = structlog.get_logger()


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document, and describe it in OpenAPI."""
    app.exception_handler(SlipwayError)(_on_slipway_error)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(HTTPException)(_on_http_exception)
    app.add_middleware(ErrorBoundary)
    add_problem_schema(app)


class ErrorBoundary:
    """Answers 500 to what nothing else caught, and tells the log alone what it was.

    It stands inside CORS, unlike Starlette's own handler for `Exception`: without the CORS
    headers a browser hides the answer from the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            _log.exception("unexpected error")
            await _internal_error(scope)(scope, receive, send)


def _internal_error(scope: Scope) -> ProblemResponse:
    detail = "The request failed; quote the request id when you report it."
    return problem_response(InternalError(detail), scope)


async def _on_slipway_error(request: Request, error: SlipwayError) -> ProblemResponse:
    response = problem_response(error, request.scope)
    log_failure(error, response.status_code)
    return response


def log_failure(error: SlipwayError, status: int) -> None:
    """Tell the log of an error that is not the caller's."""
    if status >= 500:
        _log.warning("request failed", code=error.code, cause=type(error.__cause__).__name__)


async def _on_validation_error(request: Request, error: RequestValidationError) -> ProblemResponse:
    return problem_response(invalid_request(error), request.scope)


async def _on_http_exception(request: Request, error: HTTPException) -> ProblemResponse:
    """Errors that FastAPI and Starlette raise themselves."""
    if error.status_code == 404:
        return problem_response(NotFound("There is nothing at this path."), request.scope)
    if error.status_code == 405:
        return _method_not_allowed(request)
    if error.status_code == 400:  # FastAPI's answer to a body that it cannot parse
        return problem_response(unreadable_body(), request.scope)
    return _named_after_status(error)


def _method_not_allowed(request: Request) -> ProblemResponse:
    """405 with every method that the path takes; Starlette would name those of one route.

    Of two templates that the path fits the first is meant: `/files/stream` is nobody's id.
    """
    fitting = [
        route
        for route in iter_route_contexts(request.app.routes)
        if route.matches(request.scope)[0] is not Match.NONE
    ]
    allowed = {
        method
        for route in fitting
        if route.path == fitting[0].path
        for method in route.methods or ()
    }
    names = ", ".join(sorted(allowed or {"GET", "HEAD"}))  # mounted files have no methods
    response = problem_response(MethodNotAllowed(f"This path takes {names}."), request.scope)
    response.headers["Allow"] = names
    return response


def _named_after_status(error: HTTPException) -> ProblemResponse:
    status = HTTPStatus(error.status_code)
    code = status.name.lower()
    document = problem(status, code, status.phrase, error.detail, current_request_id())
    return ProblemResponse(document, error.status_code, headers=error.headers)
