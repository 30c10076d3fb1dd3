"""Problems in the OpenAPI document: each status with a worked example for each of its codes."""

from typing import Any

from fastapi import FastAPI

from app.exceptions import errors
from app.exceptions.errors import FieldError, RetryableError, SlipwayError
from app.routers.problem_document import (
    STATUS,
    problem_of,
)
from app.schemas.response.problem import MEDIA_TYPE, Problem

_REF = "#/components/schemas/{model}"
_REQUEST_ID = "0b6f0a6f3c0f4a1e9d1f0d3a2c4b5e6f"

EXAMPLES: tuple[SlipwayError, ...] = (
    errors.InvalidRequest(
        "file_size must be greater than or equal to 0.",
        [FieldError("file_size", "must be greater than or equal to 0")],
    ),
    errors.Unauthorized("The token has expired."),
    errors.Forbidden("This needs the scope files:write; ask for a token that holds it."),
    errors.NotFound("There is no such file, or it is not yours."),
    errors.MethodNotAllowed("This path takes GET."),
    errors.IllegalTransition(
        "A file that is failed cannot become uploaded.", **{"from": "failed", "to": "uploaded"}
    ),
    errors.ObjectMissing("The store has no object under this file's key: upload the bytes first."),
    errors.PartsIncomplete(
        "The parts in the store do not make up the file yet: send those that are named, then "
        "complete again.",
        missing=[[3, 7], [9, 9]],
        wrong_size=[[2, 2]],
        wrong_etag=[],
    ),
    errors.VerificationFailed(
        "The stored object is not the declared one: size is 5 bytes, declared 12345. "
        "It was removed; start again with a new upload.",
        reasons=["size is 5 bytes, declared 12345"],
    ),
    errors.IdempotencyConflict(
        "This Idempotency-Key was used with another body; use a new key for a new request."
    ),
    errors.WebhookDisabled('The webhook is disabled: PATCH it with {"enabled": true} first.'),
    errors.UploadExpired("This upload has ended; start again with a new Idempotency-Key."),
    errors.FileTooLarge("The policy 'avatar' allows files of up to 65536 bytes.", max_size=65536),
    errors.QuotaExceeded(
        "You may have 10000 files: there are 9997, with 3 on their way, and this makes 1 more. "
        "Delete files, or abort uploads that you have given up.",
        quota="files",
        limit=10000,
        used=9997,
        reserved=3,
    ),
    errors.RequestTooLarge("The body of a request may have up to 8388608 bytes."),
    errors.HeadersTooLarge("The headers of a request may have up to 262144 bytes."),
    errors.CorsRefused("Disallowed CORS origin."),
    errors.TypeNotAllowed("The policy 'avatar' allows image/*, not text/plain."),
    errors.RateLimited("Too many requests; try again in 12 s.", retry_after=12),
    errors.TooManyStreams(
        "You have 100 streams open already; close some, or try again later.", retry_after=10
    ),
    errors.InternalError("The request failed; quote the request id when you report it."),
    errors.StorageUnavailable("The object store does not answer; try again."),
    errors.DatabaseUnavailable("The database does not answer; try again."),
    errors.IdentityProviderUnavailable("The identity provider does not answer; try again."),
    errors.EventsPostponed(
        "The store or the database did not answer for some of the files: send all of it again.",
        retry_after=10,
        postponed=3,
    ),
    errors.NotReady("Not ready: database.", checks={"database": "no answer", "storage": "ok"}),
)
_EXAMPLE_OF = {type(example): example for example in EXAMPLES}


def problem_responses(*classes: type[SlipwayError]) -> dict[int | str, dict[str, Any]]:
    """What FastAPI's `responses=` needs to document that a route can answer with these errors."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in classes:
        status = STATUS[error]
        response = responses.setdefault(status, _response())
        examples = response["content"][MEDIA_TYPE]["examples"]
        examples[error.code] = {
            "summary": error.title,
            "value": problem_of(_EXAMPLE_OF[error], _REQUEST_ID),
        }
        # Not the phrase of http.HTTPStatus, which differs between versions of Python.
        response["description"] = "; ".join(example["summary"] for example in examples.values())
        if issubclass(error, RetryableError):
            response["headers"] = {"Retry-After": _RETRY_AFTER}
    return responses


def add_problem_schema(app: FastAPI) -> None:
    """Put `Problem` among the components that the responses refer to.

    FastAPI's own `model=` would declare it under application/json, which no error ever is.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schema = Problem.model_json_schema(ref_template=_REF)
        schemas.update(schema.pop("$defs"), Problem=schema)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


_RETRY_AFTER = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}


def _response() -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {"content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}
