"""Every error as a problem document, and every document described."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from app.exceptions import errors
from app.exceptions.errors import (
    FieldError,
    InternalError,
    InvalidRequest,
    RetryableError,
    SlipwayError,
)
from app.infrastructure.metrics import Metrics
from app.routers.middleware import RequestMiddleware
from app.routers.problem_document import STATUS, problem_of
from app.routers.problem_openapi import EXAMPLES, problem_responses
from app.routers.problems import install_problem_handlers
from app.routers.validation import MAX_ERRORS
from app.schemas.response.problem import Problem

CONTRACT = {
    "invalid_request": 422,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "headers_too_large": 431,
    "cors_refused": 400,
    "method_not_allowed": 405,
    "illegal_transition": 409,
    "object_missing": 409,
    "parts_incomplete": 409,
    "verification_failed": 409,
    "idempotency_conflict": 409,
    "webhook_disabled": 409,
    "upload_expired": 410,
    "file_too_large": 413,
    "request_too_large": 413,
    "quota_exceeded": 413,
    "type_not_allowed": 415,
    "rate_limited": 429,
    "storage_unavailable": 500,
    "too_many_streams": 429,
    "internal_error": 500,
    "database_unavailable": 503,
    "identity_provider_unavailable": 503,
    "events_postponed": 503,
    "not_ready": 503,
}


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=5)
    size: int = Field(1, ge=0)
    kind: Literal["PUT", "POST"] = "PUT"
    metadata: dict[str, str] = {}

    @field_validator("name")
    @classmethod
    def _polite(cls, value: str) -> str:
        if value == "rude":
            raise ValueError("must be polite")
        return value


class Batch(BaseModel):
    items: list[Item]


class Thrower:
    """Raises what the test says."""

    def __init__(self) -> None:
        self.error: Exception = InternalError("unset")


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Every level, and nothing rendered: what other tests configured does not matter here."""
    config = structlog.get_config()
    structlog.reset_defaults()
    with capture_logs():
        yield
    structlog.configure(**config)


@pytest.fixture
def thrower() -> Thrower:
    return Thrower()


def _routes(app: FastAPI, thrower: Thrower) -> None:
    @app.post("/items")
    async def create(body: Item) -> Item:
        return body

    @app.post("/batches")
    async def create_many(body: Batch) -> Batch:
        return body

    @app.get("/items")
    async def search(
        limit: Annotated[int, Query(ge=1)] = 1, idempotency_key: Annotated[str, Header()] = "a"
    ) -> None: ...

    @app.get("/items/{id}")
    async def one(id: int) -> int:
        return id

    @app.delete("/items/{id}")
    async def remove(id: int) -> None: ...

    @app.get("/throw")
    async def throw() -> None:
        raise thrower.error

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            raise thrower.error

        return StreamingResponse(chunks())


@pytest.fixture
def app(thrower: Thrower) -> FastAPI:
    built = FastAPI()
    _routes(built, thrower)
    built.mount("/static", StaticFiles(directory=Path(__file__).parent))
    install_problem_handlers(built)
    built.add_middleware(RequestMiddleware, metrics=Metrics())
    return built


@pytest_asyncio.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://slipway") as client:
        yield client


def document(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The document, after checking what all of them have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert list(body)[:6] == ["type", "title", "status", "detail", "code", "request_id"]
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:problem-type:slipway:{code}"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["detail"].endswith(".")
    Problem.model_validate(body)
    return body


async def errors_of(api: httpx.AsyncClient, body: Any, path: str = "/items") -> dict[str, str]:
    answer = await api.post(path, json=body)
    found = document(answer, 422, "invalid_request")["errors"]
    return {error["field"]: error["message"] for error in found}


def _leaves(error: type[SlipwayError]) -> Iterator[type[SlipwayError]]:
    children = error.__subclasses__()
    if not children:
        yield error
    for child in children:
        yield from _leaves(child)


def test_every_error_has_a_status() -> None:
    assert set(_leaves(SlipwayError)) == set(STATUS)
    for error, status in STATUS.items():
        assert CONTRACT[error.code] == status


def test_codes_are_unique() -> None:
    assert len({error.code for error in STATUS}) == len(STATUS)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: error.code)
async def test_each_error_over_http(
    api: httpx.AsyncClient, thrower: Thrower, error: SlipwayError
) -> None:
    thrower.error = error
    answer = await api.get("/throw")
    body = document(answer, CONTRACT[error.code], error.code)
    assert (body["title"], body["detail"]) == (error.title, error.detail)
    assert error.extra.items() <= body.items()
    retryable = isinstance(error, RetryableError)
    assert answer.headers.get("retry-after") == (str(error.retry_after) if retryable else None)


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/none.js", "/items/1/2"])
async def test_unknown_paths(api: httpx.AsyncClient, path: str) -> None:
    document(await api.get(path), 404, "not_found")


async def test_unknown_methods_name_all_that_are_known(api: httpx.AsyncClient) -> None:
    for path, allowed in (
        ("/items", "GET, POST"),
        ("/items/1", "DELETE, GET"),
        ("/static/x", "GET, HEAD"),
    ):
        answer = await api.put(path)
        assert allowed in document(answer, 405, "method_not_allowed")["detail"]
        assert answer.headers["allow"] == allowed


async def test_other_errors_of_the_framework(api: httpx.AsyncClient, thrower: Thrower) -> None:
    thrower.error = HTTPException(418, "Short and stout.", {"X-Pot": "tea"})
    answer = await api.get("/throw")
    assert document(answer, 418, "im_a_teapot")["detail"] == "Short and stout."
    assert answer.headers["x-pot"] == "tea"


async def test_unexpected_errors_say_nothing(api: httpx.AsyncClient, thrower: Thrower) -> None:
    thrower.error = RuntimeError("SELECT secret FROM users")
    with capture_logs() as logs:
        answer = await api.get("/throw")
    body = document(answer, 500, "internal_error")
    assert "secret" not in answer.text
    assert set(body) == {"type", "title", "status", "detail", "code", "request_id"}
    (told,) = [log for log in logs if log["log_level"] == "error"]
    assert told["exc_info"]


async def test_an_error_in_the_middle_of_an_answer_breaks_it_off(
    api: httpx.AsyncClient, thrower: Thrower
) -> None:
    thrower.error = RuntimeError("too late")
    with pytest.raises(RuntimeError, match="too late"):
        await api.get("/stream")


async def test_what_failed_behind_the_service_is_logged(
    api: httpx.AsyncClient, thrower: Thrower
) -> None:
    thrower.error = errors.DatabaseUnavailable("The database does not answer.")
    thrower.error.__cause__ = ConnectionResetError()
    with capture_logs() as logs:
        await api.get("/throw")
    told = {"code": "database_unavailable", "cause": "ConnectionResetError"}
    assert any(told.items() <= log.items() for log in logs)


async def test_the_challenge(api: httpx.AsyncClient, thrower: Thrower) -> None:
    """RFC 6750 section 3: an error code only when a token was sent."""
    thrower.error = errors.Unauthorized('Not "good"\\ at\nall: é.')
    bare = await api.get("/throw")
    assert bare.headers["www-authenticate"] == 'Bearer realm="slipway"'
    sent = await api.get("/throw", headers={"Authorization": "Bearer x"})
    assert sent.headers["www-authenticate"] == (
        'Bearer realm="slipway", error="invalid_token", '
        "error_description=\"Not 'good'' at'all: '.\""
    )
    thrower.error = errors.Forbidden("No.")
    refused = await api.get("/throw", headers={"Authorization": "Bearer x"})
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "name", "is required"),
        ({"name": ""}, "name", "must have at least 1 character"),
        ({"name": "too long"}, "name", "must have at most 5 characters"),
        ({"name": "rude"}, "name", "must be polite"),
        ({"name": 5}, "name", "must be a valid string"),
        ({"name": "a", "size": -1}, "size", "must be greater than or equal to 0"),
        ({"name": "a", "kind": "GET"}, "kind", "must be 'PUT' or 'POST'"),
        ({"name": "a", "nam": "b"}, "nam", "is not permitted: there is no such field"),
        ({"name": "a", "metadata": {"k": 1}}, "metadata.k", "must be a valid string"),
        ([], "body", "must be a JSON object, sent with Content-Type: application/json"),
        (5, "body", "must be a JSON object, sent with Content-Type: application/json"),
    ],
)
async def test_messages(api: httpx.AsyncClient, body: Any, field: str, message: str) -> None:
    assert await errors_of(api, body) == {field: message}


async def test_fields_of_a_batch(api: httpx.AsyncClient) -> None:
    body = {"items": [{"name": "a"}, {"name": "b", "size": "x"}, {}]}
    found = await errors_of(api, body, "/batches")
    assert list(found) == ["items.1.size", "items.2.name"]


async def test_parameters_and_headers(api: httpx.AsyncClient) -> None:
    answer = await api.get("/items?limit=0")
    assert document(answer, 422, "invalid_request")["errors"][0]["field"] == "limit"
    answer = await api.get("/items/x")
    assert document(answer, 422, "invalid_request")["errors"][0]["field"] == "id"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "Expecting property name enclosed in double quotes at character 1"),
        (b'{"name": "a"', "Expecting ',' delimiter at character 12"),
        (b"nonsense", "Expecting value at character 0"),
        (b'{"name": "\xff"}', "must be JSON in UTF-8"),
        (b"[" * 100_000, "must be JSON in UTF-8"),
        (b'{"size": ' + b"9" * 5000 + b"}", "must be JSON in UTF-8"),
        (b"", "must be a JSON object"),
    ],
)
async def test_broken_json(api: httpx.AsyncClient, content: bytes, says: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/items", content=content, headers=headers)
    (error,) = document(answer, 422, "invalid_request")["errors"]
    assert error["field"] == "body"
    assert says in error["message"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_json_under_another_name(api: httpx.AsyncClient, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await api.post("/items", content=b'{"name": "a"}', headers=headers)
    (error,) = document(answer, 422, "invalid_request")["errors"]
    assert "Content-Type: application/json" in error["message"]


async def test_nothing_that_was_sent_comes_back(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/items", json={"name": "hunter2", "size": "hunter2", "kind": "hunter2"}
    )
    assert len(document(answer, 422, "invalid_request")["errors"]) == 3
    assert "hunter2" not in answer.text


async def test_an_answer_stays_small(api: httpx.AsyncClient) -> None:
    long = {"name": "a", "x" * 100_000: 1}
    assert len((await api.post("/items", json=long)).content) < 2000
    many = await api.post("/batches", json={"items": [{}] * 1000})
    assert len(document(many, 422, "invalid_request")["errors"]) == MAX_ERRORS
    assert "for 999 more" in many.json()["detail"]


async def test_one_error_is_told_in_the_detail(api: httpx.AsyncClient) -> None:
    answer = await api.post("/items", json={})
    assert document(answer, 422, "invalid_request")["detail"] == "name is required."


async def test_names_that_have_no_utf8_form(api: httpx.AsyncClient) -> None:
    content = b'{"name": "a", "\\ud800": 1, "metadata": {"\\udfff": 5}}'
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/items", content=content, headers=headers)
    document(answer, 422, "invalid_request")


def test_the_responses_of_a_route() -> None:
    responses = problem_responses(
        errors.FileTooLarge, errors.RequestTooLarge, errors.RateLimited, errors.RateLimited
    )
    assert set(responses) == {413, 429}
    content = responses[413]["content"]
    assert set(content) == {"application/problem+json"}
    examples = content["application/problem+json"]["examples"]
    assert set(examples) == {"file_too_large", "request_too_large"}
    assert "Retry-After" in responses[429]["headers"]
    assert "headers" not in responses[413]


def test_every_example_is_a_problem() -> None:
    assert {type(example) for example in EXAMPLES} == set(STATUS)
    for example in EXAMPLES:
        body = problem_of(example, "abc")
        Problem.model_validate(json.loads(json.dumps(body)))


def test_the_openapi_document_describes_them() -> None:
    app = FastAPI()

    @app.get("/one", responses=problem_responses(errors.NotFound, InvalidRequest))
    async def one(id: int) -> None: ...

    install_problem_handlers(app)
    openapi = app.openapi()
    assert app.openapi() == openapi
    responses = openapi["paths"]["/one"]["get"]["responses"]
    for status in ("404", "422"):
        schema = responses[status]["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
        assert list(responses[status]["content"]) == ["application/problem+json"]
    schemas = openapi["components"]["schemas"]
    assert schemas["Problem"]["properties"]["errors"]["items"] == {
        "$ref": "#/components/schemas/FieldProblem"
    }
    assert "HTTPValidationError" not in schemas


def test_a_problem_needs_its_members() -> None:
    with pytest.raises(ValidationError):
        Problem.model_validate({"type": "x"})
    error = InvalidRequest("bad.", [FieldError("a", "b")])
    assert Problem.model_validate(problem_of(error, None)).errors[0].field == "a"
