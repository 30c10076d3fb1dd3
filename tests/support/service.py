"""The whole application on real PostgreSQL and a real S3, spoken to over ASGI."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uuid_utils.compat
from jose import jwt

from app.container import Container, utc_now
from app.main import create_app
from app.settings import Settings
from tests.support.databases import PATIENCE

JWT_SECRET = "a-test-key-of-more-than-thirty-two-bytes"


def token_for(subject: str, scope: str | None = None, **claims: Any) -> str:
    """A token that the service under test accepts."""
    payload = {"sub": subject, "exp": int(time.time()) + 600, **claims}
    if scope is not None:
        payload["scope"] = scope
    return jwt.encode(payload, JWT_SECRET, algorithm="HS256")


@dataclass
class User:
    """Somebody with a token: their own files, and nobody else's."""

    api: httpx.AsyncClient
    subject: str = field(default_factory=lambda: f"user-{uuid_utils.compat.uuid7()}")

    def headers(self, scope: str | None = None, **extra: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_for(self.subject, scope)}", **extra}

    async def call(
        self, method: str, path: str, *, scope: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = self.headers(scope, **options.pop("headers", {}))
        return await self.api.request(method, path, headers=headers, **options)

    async def ask(self, content: bytes = b"hello", **body: Any) -> dict[str, Any]:
        """A new pending record for `content`, with its signed request."""
        plain = {"filename": "hello.txt", "type": "text/plain", "file_size": len(content)}
        answer = await self.call("POST", "/presigned-url", json=plain | body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def upload(self, content: bytes = b"hello", **body: Any) -> dict[str, Any]:
        """The same, with the bytes in the store."""
        record = await self.ask(content, **body)
        answer = await send(record, content)
        assert answer.status_code == 200, answer.text
        return record

    async def move(
        self, record: dict[str, Any], status: str, *, scope: str | None = None, **body: Any
    ) -> httpx.Response:
        change = {"id": record["id"], "status": status, **body}
        return await self.call("PUT", "/file-status", scope=scope, json=change)

    async def trail(self, record: dict[str, Any]) -> list[tuple[str | None, str | None]]:
        """The moves in the audit trail, as (from, to)."""
        answer = await self.call("GET", f"/files/{record['id']}/events")
        moves = [(e["from"], e["to"]) for e in answer.json()["items"]]
        return [move for move in moves if move != (None, None)]


async def send(record: dict[str, Any], content: bytes) -> httpx.Response:
    """PUT the bytes as the record's instruction says, straight to the store."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        return await http.put(record["url"], content=content, headers=record["headers"])


@dataclass
class Running:
    """A fresh application: what a client talks to, and what its worker would run."""

    api: httpx.AsyncClient
    container: Container


@asynccontextmanager
async def running(
    settings: Settings, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Running]:
    """The application with these settings, by that clock."""
    app = create_app(settings, clock=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://slipway.test") as client,
    ):
        yield Running(client, app.state.container)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a fresh application with these settings."""
    async with running(settings) as service:
        yield service.api


@pytest.fixture(scope="module")
def settings(database_url: str, store_settings: Settings) -> Settings:
    """What the service under test runs with; `model_copy(update=…)` changes one thing."""
    values = store_settings.model_dump() | {
        "database_url": database_url,
        "database_timeout": PATIENCE,
        "jwt_secret": JWT_SECRET,
        "rate_limit": "",
        "log_format": "json",
    }
    return Settings(_env_file=None, **values)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(settings) as client:
        yield client


@pytest.fixture
def user(api: httpx.AsyncClient) -> User:
    return User(api)


@pytest.fixture
def other(api: httpx.AsyncClient) -> User:
    return User(api)
