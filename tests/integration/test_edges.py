"""What surrounds every call: limits, CORS, proxies, security headers, logs, metrics, manual."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.settings import Settings
from tests.support.service import JWT_SECRET, User, serving


def changed(settings: Settings, **changes: Any) -> Settings:
    return Settings(_env_file=None, **(settings.model_dump() | changes))


async def test_a_subject_has_its_own_limit(settings: Settings) -> None:
    async with serving(changed(settings, rate_limit="3/minute")) as api:
        alice, bob = User(api), User(api)
        answers = [await alice.call("GET", "/files") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[3].json()["code"] == "rate_limited"
        assert 1 <= int(answers[3].headers["retry-after"]) <= 120
        assert (await bob.call("GET", "/files")).status_code == 200


async def test_without_a_token_the_address_is_limited(settings: Settings) -> None:
    async with serving(changed(settings, rate_limit="2/minute")) as api:
        answers = [await api.get("/files"), await api.post("/presigned-url", content=b"{")]
        answers += [await api.post("/presigned-url", content=b"{")]
        assert [a.status_code for a in answers] == [401, 401, 429]
        assert (await User(api).call("GET", "/files")).status_code == 200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The service as a page of https://app.example meets it."""
    async with serving(changed(settings, cors_origins=("https://app.example",))) as client:
        client.headers["Origin"] = "https://app.example"
        yield client


async def test_a_preflight_needs_no_token(page: httpx.AsyncClient) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    answer = await page.options("/presigned-url", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key"))


async def test_errors_are_readable_by_the_page(page: httpx.AsyncClient) -> None:
    answer = await page.get("/files")
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()


async def test_a_refused_preflight_is_a_problem(page: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await page.options("/presigned-url", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "cors_refused")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-origin" not in answer.headers


async def test_other_origins_are_not_allowed(page: httpx.AsyncClient) -> None:
    answer = await page.get("/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("proxies", "counted"), [((), False), (("127.0.0.1",), True)])
async def test_forwarded_addresses_count_from_trusted_proxies_only(
    settings: Settings, proxies: tuple[str, ...], counted: bool
) -> None:
    limited = changed(settings, rate_limit="1/minute", trusted_proxies=proxies)
    async with serving(limited) as api:
        codes = [
            (await api.get("/files", headers={"X-Forwarded-For": f"203.0.113.{n}"})).status_code
            for n in range(3)
        ]
    assert codes == ([401, 401, 401] if counted else [401, 429, 429])


async def test_every_answer_is_hardened(user: User) -> None:
    for answer in (await user.call("GET", "/files"), await user.api.get("/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_manual_loads_nothing_from_elsewhere(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text
    assets = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert assets
    for asset in assets:
        assert "//" not in asset
        assert (await api.get(f"/{asset}")).status_code == 200, asset


async def test_logs_tell_what_happened_and_no_secret(
    user: User, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    record = await user.upload(b"hello", filename="private-name.txt")
    await user.move(record, "uploaded")
    await user.call("POST", f"/files/{record['id']}/download-url")
    await user.api.get("/files", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    created = next(line for line in lines if line.get("route") == "/presigned-url")
    assert created["owner"] == user.subject
    assert created["file_id"] == record["id"]
    assert {"request_id", "duration_ms", "status", "method", "timestamp"} <= created.keys()
    for secret in ("X-Amz", "eyJ", JWT_SECRET, "private-name", record["url"]):
        assert secret not in written


async def test_metrics_count_what_happened(user: User) -> None:
    record = await user.upload()
    await user.move(record, "completed")
    missing = await user.ask()
    await user.move(missing, "uploaded")
    answer = await user.api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for line in (
        'slipway_http_requests_total{method="POST",route="/presigned-url",status="201"}',
        'slipway_http_request_seconds_count{method="PUT",route="/file-status"}',
        'slipway_urls_issued_total{method="PUT",policy="default"}',
        'slipway_transitions_total{from="pending",to="uploaded"}',
        'slipway_transitions_total{from="uploaded",to="completed"}',
        'slipway_verifications_total{verdict="verified"}',
        'slipway_verifications_total{verdict="missing"}',
        'slipway_store_calls_total{operation="head",outcome="ok"}',
        'slipway_store_calls_total{operation="head",outcome="missing"}',
        'slipway_signer_info{signer="sigv4"} 1.0',
        'slipway_database_pool_connections{state="size"} 10.0',
        "slipway_rate_limited_total 0.0",
    ):
        assert line in answer.text, line


async def test_probes(api: httpx.AsyncClient) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok"}
    assert (await api.get("/readyz")).json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "storage": "ok"},
    }
