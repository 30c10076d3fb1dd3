"""Cables pulled or clogged: the database, the store, both back again, without a restart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from app.database import config, engine
from app.routers import operators
from app.settings import Settings
from tests.integration.test_file_statuses import ask_many, item, outcomes, report, send_all
from tests.support.cable import Cable
from tests.support.service import User, serving


@pytest_asyncio.fixture
async def database_cable(settings: Settings) -> AsyncIterator[Cable]:
    socket = f"{make_url(_reveal(settings.database_url)).query['host']}/.s.PGSQL.5432"
    async with Cable(lambda: asyncio.open_unix_connection(socket)) as cable:
        yield cable


@pytest_asyncio.fixture
async def store_cable(settings: Settings) -> AsyncIterator[Cable]:
    address = urlsplit(str(settings.s3_endpoint_url))
    dial = lambda: asyncio.open_connection(address.hostname, address.port)  # noqa: E731
    async with Cable(dial) as cable:
        yield cable


@pytest_asyncio.fixture
async def cabled(
    settings: Settings, database_cable: Cable, store_cable: Cable
) -> AsyncIterator[User]:
    """A user of a service that reaches both through cables; its URLs name the store itself."""
    changes: dict[str, Any] = {
        "database_url": _through(settings, database_cable),
        "s3_endpoint_url": f"http://127.0.0.1:{store_cable.port}",
        "s3_public_endpoint_url": settings.s3_endpoint_url,
        "s3_timeout": 20,
    }
    async with serving(Settings(_env_file=None, **(settings.model_dump() | changes))) as api:
        yield User(api)


def _reveal(secret: Any) -> str:
    return str(secret.get_secret_value())


def _through(settings: Settings, cable: Cable) -> str:
    """The URL of the database by way of `cable`."""
    url = make_url(_reveal(settings.database_url))
    return url.set(query={}, host="127.0.0.1", port=cable.port).render_as_string(
        hide_password=False
    )


async def test_the_database_is_down_and_comes_back(cabled: User, database_cable: Cable) -> None:
    before = await cabled.ask()
    await database_cable.cut()
    for method, path, body in (
        ("POST", "/presigned-url", {"filename": "a", "type": "a/b", "file_size": 1}),
        ("GET", "/files", None),
        ("GET", f"/files/{before['id']}", None),
        ("PUT", "/file-status", {"id": before["id"], "status": "failed"}),
        ("DELETE", f"/files/{before['id']}", None),
    ):
        answer = await cabled.call(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    ready = await cabled.api.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] != "ok"
    assert (await cabled.api.get("/healthz")).status_code == 200

    await database_cable.mend()
    after = await cabled.ask()
    items = (await cabled.call("GET", "/files")).json()["items"]
    assert [item["id"] for item in items] == [after["id"], before["id"]]
    assert (await cabled.api.get("/readyz")).status_code == 200


@pytest_asyncio.fixture
async def impatient(
    settings: Settings, database_cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[User]:
    """A user of a service with short limits, that reaches its database through a cable."""
    monkeypatch.setattr(config, "CLIENT_MARGIN", 0.1)
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT", 0.2)
    monkeypatch.setattr(operators, "PING_TIMEOUT", 0.3)
    changes: dict[str, Any] = {
        "database_url": _through(settings, database_cable),
        "database_timeout": 0.5,
        "database_pool_size": 3,
    }
    async with serving(Settings(_env_file=None, **(settings.model_dump() | changes))) as api:
        user = User(api)
        await _come_through(user, 200, "GET", "/files")
        yield user


async def _come_through(
    user: User, status: int, method: str, path: str, json: Any = None
) -> dict[str, Any]:
    """The answer with that status, at the latest when a busy machine keeps those limits."""
    async with asyncio.timeout(60):
        while (answer := await user.call(method, path, json=json)).status_code != status:
            assert answer.status_code == 503, answer.text
        return dict(answer.json())


async def _connections_in_use(api: httpx.AsyncClient) -> str:
    lines = (await api.get("/metrics")).text.splitlines()
    [line] = [line for line in lines if 'state="in_use"' in line]
    return line.rsplit(" ", 1)[1]


def _assert_unavailable(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


async def test_a_silent_database_holds_nobody_up(impatient: User, database_cable: Cable) -> None:
    """Packets are dropped, as while a standby takes over: nothing is refused, nothing answers."""
    asked = {"filename": "a", "type": "a/b", "file_size": 1}
    record = await _come_through(impatient, 201, "POST", "/presigned-url", asked)
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/files", None),
        ("GET", f"/files/{record['id']}", None),
        ("POST", "/presigned-url", asked),
        ("PUT", "/file-status", {"id": record["id"], "status": "failed"}),
    ]
    database_cable.freeze()
    async with asyncio.timeout(60):
        answers = await asyncio.gather(
            *(impatient.call(method, path, json=body) for method, path, body in calls * 3)
        )
    for answer in answers:
        _assert_unavailable(answer, "database_unavailable")
    assert await _connections_in_use(impatient.api) == "0.0"

    database_cable.thaw()
    for status, call in zip((200, 200, 201, 200), calls, strict=True):
        await _come_through(impatient, status, *call)


async def test_probes_of_a_silent_database_harm_nobody(
    impatient: User, database_cable: Cable
) -> None:
    """Each gives up before the database's own limit."""
    await asyncio.gather(*(impatient.call("GET", "/files") for _ in range(3)))
    await _come_through(impatient, 200, "GET", "/readyz")
    database_cable.freeze()
    async with asyncio.timeout(60):
        for _ in range(4):
            _assert_unavailable(await impatient.api.get("/readyz"), "not_ready")
    assert await _connections_in_use(impatient.api) == "0.0"

    database_cable.thaw()
    await _come_through(impatient, 200, "GET", "/readyz")
    for _ in range(4):
        await _come_through(impatient, 200, "GET", "/files")


async def test_the_store_is_down_and_comes_back(cabled: User, store_cable: Cable) -> None:
    await store_cable.cut()
    record = await cabled.upload(b"hello")
    answer = await cabled.move(record, "uploaded")
    assert (answer.status_code, answer.json()["code"]) == (500, "storage_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert await cabled.trail(record) == [(None, "pending")]
    deletion = await cabled.call("DELETE", f"/files/{record['id']}")
    assert deletion.json()["code"] == "storage_unavailable"
    assert (await cabled.call("GET", f"/files/{record['id']}")).status_code == 200
    assert (await cabled.api.get("/readyz")).json()["checks"]["storage"] != "ok"

    await store_cable.mend()
    assert (await cabled.move(record, "completed")).json()["status"] == "completed"
    assert (await cabled.api.get("/readyz")).status_code == 200


async def test_the_store_goes_down_in_the_middle_of_many_reports(
    cabled: User, store_cable: Cable
) -> None:
    records = await ask_many(cabled, 400)
    await send_all(records)
    reporting = asyncio.create_task(report(cabled, *map(item, records)))
    async with asyncio.timeout(60):
        while not (await cabled.call("GET", "/files?status=uploaded")).json()["items"]:
            pass
    await store_cable.cut()
    results = await reporting

    assert set(outcomes(results)) == {"uploaded", "storage_unavailable"}
    problems = [result["problem"] for result in results if result["problem"]]
    assert all(problem["retry_after"] >= 1 for problem in problems)
    for record, result in zip(records, results, strict=True):
        if record in records[::40]:
            found = (await cabled.call("GET", f"/files/{record['id']}")).json()
            assert found["status"] == ("pending" if result["problem"] else "uploaded")

    await store_cable.mend()
    left = [record for record, result in zip(records, results, strict=True) if result["problem"]]
    assert set(outcomes(await report(cabled, *map(item, left)))) == {"uploaded"}


async def test_a_service_starts_before_its_database_and_store(
    settings: Settings, database_cable: Cable, store_cable: Cable
) -> None:
    await database_cable.cut()
    await store_cable.cut()
    changes = {
        "database_url": _through(settings, database_cable),
        "s3_endpoint_url": f"http://127.0.0.1:{store_cable.port}",
        "s3_timeout": 20,
    }
    async with serving(Settings(_env_file=None, **(settings.model_dump() | changes))) as api:
        assert (await api.get("/readyz")).status_code == 503
        await database_cable.mend()
        await store_cable.mend()
        assert (await api.get("/readyz")).status_code == 200
