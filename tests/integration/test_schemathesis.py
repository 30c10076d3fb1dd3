"""The OpenAPI document held against the running service, with a valid token.

Whatever is generated from it, valid or not: no 5xx, no undeclared status or content type, no
answer that breaks its own schema, and nothing without a token.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis import GenerationMode

from app.main import create_app
from app.settings import Settings
from tests.support.service import token_for

SECRET = "between-the-store-and-the-service-0123"

EXAMPLES = 40
"""Per endpoint; the generators begin with the boundary values of every field."""


@pytest.fixture(scope="module")
def live_url(settings: Settings) -> Iterator[str]:
    """The service on a loopback socket: a client of its own process would hide HTTP itself."""
    app = create_app(settings.model_copy(update={"storage_events_secret": SecretStr(SECRET)}))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


schema = schemathesis.openapi.from_dict(create_app(Settings(_env_file=None)).openapi())
# Unknown ones are ignored; what else is wrong with such a request may be the missing token alone,
# which we add.
schema.config.generation.update(allow_extra_parameters=False)


chosen = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
fewer = settings(chosen, max_examples=EXAMPLES // 4)


def call_and_validate(case: Any, live_url: str) -> None:
    case.call_and_validate(
        base_url=live_url,
        headers=authorization(case.path),
        excluded_checks=_not_to_check(case.path),
    )


def _not_to_check(path: str) -> list[Any]:
    # Policies, cursors and "exactly one of" are rules that a schema cannot tell.
    excluded: list[Any] = [schemathesis.checks.positive_data_acceptance]
    if path.endswith(("/stream", "/uppy/s3/params")):
        # What is wrong with such a request may be the missing token alone, which we add, or a
        # parameter that is not declared.
        excluded.append(schemathesis.checks.negative_data_rejection)
    return excluded


def authorization(path: str) -> dict[str, str]:
    if path == "/storage-events":
        return {"Authorization": f"Bearer {SECRET}"}
    if path.startswith("/admin/"):
        return as_somebody("admin")
    # A stream ends with the token that opened it.
    return as_somebody(seconds=0.2 if path.endswith("/stream") else 600)


def as_somebody(
    scope: str = "files:read files:write files:process", seconds: float = 600
) -> dict[str, str]:
    expiry = time.time() + seconds - Settings(_env_file=None).jwt_leeway
    token = token_for("schemathesis", scope, exp=expiry)
    return {"Authorization": f"Bearer {token}"}


@schema.exclude(path_regex="^/admin/").parametrize()
@chosen
def test_the_service_is_what_its_document_says(case: Any, live_url: str) -> None:
    call_and_validate(case, live_url)


@schema.include(path_regex="^/admin/").parametrize()
@fewer
def test_so_it_is_for_operators(case: Any, live_url: str) -> None:
    call_and_validate(case, live_url)


@schema.include(tag="multipart").parametrize()
@fewer
def test_so_it_is_about_an_upload_that_exists(case: Any, live_url: str) -> None:
    """In two parts, the second of which has arrived; a new one each time."""
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        case.path_parameters["id"] = begun(live_url)
    call_and_validate(case, live_url)


@schema.include(tag="webhooks", path_regex=r"\{id\}").parametrize()
@fewer
def test_so_it_is_about_a_webhook_that_exists(case: Any, live_url: str) -> None:
    """With one delivery; the owner's only one, of which there may be ten."""
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        case.path_parameters.update(hooked(live_url, case.path_parameters))
    call_and_validate(case, live_url)


def hooked(live_url: str, asked: Mapping[str, object]) -> dict[str, str]:
    """Those of its parameters that are `asked` for."""
    with httpx.Client(base_url=live_url, headers=as_somebody(), verify=False) as http:
        for webhook in http.get("/webhooks").raise_for_status().json()["items"]:
            http.delete(f"/webhooks/{webhook['id']}").raise_for_status()
        answer = http.post("/webhooks", json={"url": "https://example.invalid/hook"})
        webhook = answer.raise_for_status().json()["id"]
        answer = http.post(f"/webhooks/{webhook}/test")
        found = {"id": webhook, "delivery": answer.raise_for_status().json()["id"]}
    return {name: found[name] for name in asked}


def begun(live_url: str) -> str:
    body = {"filename": "a", "type": "text/plain", "file_size": 16 * 1024**2 + 5}
    asked = {**body, "method": "multipart"}
    with httpx.Client(trust_env=False, verify=False, timeout=60) as http:
        answer = http.post(f"{live_url}/presigned-url", json=asked, headers=as_somebody())
        record = answer.raise_for_status().json()
        http.put(record["multipart"]["parts"][1]["url"], content=b"hello").raise_for_status()
    return str(record["id"])
