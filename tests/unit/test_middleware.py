"""What every request passes through: id, log line, metrics, headers, body limit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.infrastructure.logging import log_context
from app.infrastructure.metrics import Metrics
from app.routers import body_limit
from app.routers.body_limit import BodyLimitMiddleware
from app.routers.middleware import RequestMiddleware, note_file, note_owner
from app.routers.problems import install_problem_handlers

LIMIT = 1000
FILE_ID = UUID("0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d")
router = APIRouter(prefix="/files")


@router.get("/{id}")
async def get_file(id: str, request: Request) -> dict[str, str]:
    note_owner(request.scope, "alice")
    note_file(request.scope, FILE_ID)
    return {"request_id": log_context.get()["request_id"]}


@router.post("")
async def create(request: Request) -> dict[str, int]:
    return {"size": len(await request.body())}


@router.get("")
def in_a_thread() -> dict[str, str]:
    return {"request_id": log_context.get()["request_id"]}


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Every level, and nothing rendered: what other tests configured does not matter here."""
    config = structlog.get_config()
    structlog.reset_defaults()
    with capture_logs():
        yield
    structlog.configure(**config)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def application(metrics: Metrics, hsts: bool = False) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))

    @app.get("/healthz")
    async def healthz() -> None: ...

    @app.get("/page")
    async def page() -> HTMLResponse:
        headers = {"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "default-src 'self'"}
        return HTMLResponse("<p>", headers=headers)

    @app.get("/cached")
    async def cached() -> Response:
        headers = {"Cache-Control": "max-age=60"}
        return Response(b"{}", media_type="application/json", headers=headers)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    install_problem_handlers(app)
    app.add_middleware(BodyLimitMiddleware, max_bytes=LIMIT)
    app.add_middleware(
        CORSMiddleware, allow_origins=["https://app.example"], allow_methods=["POST"]
    )
    app.add_middleware(RequestMiddleware, metrics=metrics, hsts=hsts)
    return app


def client(app: Any, base_url: str = "http://slipway") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)


@pytest_asyncio.fixture
async def api(metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    async with client(application(metrics)) as opened:
        yield opened


async def test_the_clients_id_is_kept(api: httpx.AsyncClient) -> None:
    for given in ("abc", "0199f3a1-7c1e", "a.b_c:d", "x" * 128):
        answer = await api.get("/files/1", headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given
        assert answer.json()["request_id"] == given
        assert not log_context.get()


@pytest.mark.parametrize(
    "given", [None, "", "x" * 129, "a b", "a\tb", "é", '"', "a;b", "{}", "a/b"]
)
async def test_any_other_id_is_replaced(api: httpx.AsyncClient, given: str | None) -> None:
    headers = [(b"X-Request-ID", given.encode())] if given is not None else []
    answer = await api.get("/files/1", headers=headers)
    made = answer.headers["x-request-id"]
    assert len(made) == 32
    assert made != (await api.get("/files/1", headers=headers)).headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/files", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/files", 405),
        ("GET", "/broken", 500),
        ("GET", "/static/none", 404),
        ("GET", "/static/__init__.py", 200),
    ],
)
async def test_every_answer_has_an_id(
    api: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["x-request-id"]


async def test_concurrent_requests_keep_their_contexts_apart(api: httpx.AsyncClient) -> None:
    ids = [f"request-{number}" for number in range(30)]
    paths = ["/files/1", "/files"]
    calls = [api.get(paths[n % 2], headers={"X-Request-ID": i}) for n, i in enumerate(ids)]
    answers = await asyncio.gather(*calls)
    assert [answer.json()["request_id"] for answer in answers] == ids
    assert not log_context.get()


async def access_line(api: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    with capture_logs(processors=[_with_context]) as logs:
        await api.request(method, path, **options)
    (line,) = [log for log in logs if log["event"] == "request"]
    return line


def _with_context(_logger: Any, _method: str, event: Any) -> Any:
    return {**event, **log_context.get()}


async def test_the_access_line(api: httpx.AsyncClient) -> None:
    headers = {"X-Request-ID": "abc", "Authorization": "Bearer secret"}
    line = await access_line(api, "GET", "/files/17?token=secret", headers=headers)
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/files/{id}",
        "status": 200,
        "client": "127.0.0.1",
        "request_id": "abc",
        "owner": "alice",
        "file_id": str(FILE_ID),
    }


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("POST", "/files", "/files", 200),
        ("PUT", "/files/1", "/files/{id}", 405),
        ("GET", "/broken", "/broken", 500),
        ("GET", "/secret-token/parts", "unmatched", 404),
        ("GET", "/static/none.js", "/static/{path}", 404),
    ],
)
async def test_lines_and_metrics_name_templates(
    api: httpx.AsyncClient, metrics: Metrics, method: str, path: str, route: str, status: int
) -> None:
    line = await access_line(api, method, path)
    assert (line["route"], line["status"]) == (route, status)
    sample = f'slipway_http_requests_total{{method="{method}",route="{route}",status="{status}"}} 1'
    assert sample in metrics.expose()[0].decode()


async def test_probes_are_logged_at_debug(api: httpx.AsyncClient) -> None:
    assert (await access_line(api, "GET", "/healthz"))["log_level"] == "debug"


async def test_a_client_without_an_address(metrics: Metrics) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application(metrics), client=None),  # type: ignore[arg-type]
        base_url="http://slipway",
    ) as api:
        assert (await access_line(api, "GET", "/files/1"))["client"] is None


async def test_security_headers_of_the_api(api: httpx.AsyncClient) -> None:
    for path in ("/files/1", "/nothing", "/broken"):
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "strict-transport-security" not in headers


async def test_what_a_handler_set_stays(api: httpx.AsyncClient) -> None:
    page = (await api.get("/page")).headers
    assert page.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert page.get_list("content-security-policy") == ["default-src 'self'"]
    assert "cache-control" not in page
    assert page["x-content-type-options"] == "nosniff"
    cached = (await api.get("/cached")).headers
    assert cached.get_list("cache-control") == ["max-age=60"]


async def test_files_for_browsers_may_be_cached(api: httpx.AsyncClient) -> None:
    headers = (await api.get("/static/test_middleware.py")).headers
    assert "cache-control" not in headers
    assert "content-security-policy" not in headers
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("hsts", "scheme", "sent"),
    [(True, "https", True), (True, "http", False), (False, "https", False)],
)
async def test_strict_transport_security(
    metrics: Metrics, hsts: bool, scheme: str, sent: bool
) -> None:
    async with client(application(metrics, hsts), f"{scheme}://slipway") as api:
        answer = await api.get("/files/1")
        assert ("strict-transport-security" in answer.headers) is sent


async def test_a_page_may_read_our_errors(api: httpx.AsyncClient) -> None:
    origin = {"Origin": "https://app.example"}
    for answer in (
        await api.get("/broken", headers=origin),
        await api.post("/files", content=b"x" * (LIMIT + 1), headers=origin),
        await api.get("/nothing", headers=origin),
    ):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"


async def chunks(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size


@pytest.mark.parametrize("sizes", [[LIMIT], [LIMIT - 1, 1], [1] * 50, [0], []])
async def test_bodies_up_to_the_limit(api: httpx.AsyncClient, sizes: list[int]) -> None:
    for content in (b"x" * sum(sizes), chunks(*sizes)):
        answer = await api.post("/files", content=content)
        assert answer.json() == {"size": sum(sizes)}


@pytest.mark.parametrize("path", ["/files", "/nothing"])
@pytest.mark.parametrize("sizes", [[LIMIT + 1], [LIMIT, 1], [LIMIT * 10]])
async def test_bodies_beyond_it(api: httpx.AsyncClient, path: str, sizes: list[int]) -> None:
    for content in (b"x" * sum(sizes), chunks(*sizes)):
        answer = await api.post(path, content=content)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"
        assert answer.json()["code"] == "request_too_large"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def call(
    headers: list[tuple[bytes, bytes]], messages: list[Message]
) -> tuple[list[Message], list[bytes]]:
    """What BodyLimitMiddleware sends, and the bodies that the application saw."""
    sent: list[Message] = []
    seen: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        seen.append(message["body"])
        after = await receive()
        assert after["type"] == "http.disconnect"

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": headers}
    await BodyLimitMiddleware(app, max_bytes=LIMIT)(scope, receive, send)
    return sent, seen


def part(size: int, more: bool = False) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def test_the_application_can_still_see_the_client_leave() -> None:
    _, seen = await call([], [part(5, more=True), part(5)])
    assert seen == [b"x" * 10]


async def test_a_client_that_leaves_half_way_gets_no_answer() -> None:
    sent, seen = await call([], [part(5, more=True)])
    assert (sent, seen) == ([], [])


@pytest.mark.parametrize("length", [b"1001", b"99999999999999999999999999", b"-1", b"x", b"1e3"])
async def test_lengths_are_not_taken_on_trust(length: bytes) -> None:
    sent, seen = await call([(b"content-length", length)], [part(LIMIT + 1)])
    assert sent[0]["status"] == 413
    assert seen == []


async def test_a_refused_body_is_read_away_before_the_end() -> None:
    messages = [part(LIMIT, more=True) for _ in range(10)] + [part(0)]
    sent, _ = await call([(b"content-length", b"10000")], messages)
    assert messages == []
    assert [message.get("more_body", False) for message in sent[1:]] == [True, False]


async def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "LINGER", 0.01)
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    async def receive() -> Message:
        await asyncio.sleep(60)
        return part(1, more=True)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"5000")]}
    await BodyLimitMiddleware(app, max_bytes=LIMIT)(scope, receive, send)
    assert sent[-1] == {"type": "http.response.body"}


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_scopes_pass_untouched(metrics: Metrics, kind: str) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    wrapped = RequestMiddleware(BodyLimitMiddleware(app, max_bytes=1), metrics=metrics)
    scope = {"type": kind}
    await wrapped(scope, receive, send)
    assert seen == [(scope, receive, send)]
