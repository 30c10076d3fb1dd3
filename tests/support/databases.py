"""A freshly migrated database for each test module, cloned from a template in some 50 ms."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from app.database import config, engine
from app.database.config import Database
from app.database.engine import dsn
from app.database.migrate import upgrade
from app.domain.job import Job, JobName
from app.repository.diagnosis import access
from app.repository.file_storage_repository import FileStorageRepository

PATIENCE = 30.0
"""Seconds for what takes none, so that nobody is refused because a machine is busy. Tests that are
about being refused have less."""


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (config, engine, access):
            patch.setattr(module, "CONNECT_TIMEOUT", PATIENCE)
        yield


async def execute(url: str, statement: str) -> list[Any]:
    """The rows of one statement on a connection of its own."""
    connection = await asyncpg.connect(dsn(url))
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def deferred_jobs(url: str, file_id: uuid.UUID) -> list[Job]:
    """The jobs that wait for a file, which its own id locks, in the order they were deferred."""
    waiting = f"""
        SELECT task_name, args ->> 'file_id', scheduled_at FROM procrastinate_jobs
        WHERE queue_name = 'files' AND status = 'todo' AND lock = '{file_id}' ORDER BY id
    """
    rows = await execute(url, waiting)
    return [Job(name=JobName(name), file_id=uuid.UUID(of), at=at) for name, of, at in rows]


@asynccontextmanager
async def scratch_database(postgres_url: str, template: str = "template0") -> AsyncIterator[str]:
    """The URL of a new database, dropped afterwards whoever is still connected."""
    name = f"test_{uuid.uuid4().hex}"
    await execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    finally:
        await execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Database]:
    database = Database(url, **({"timeout": PATIENCE} | options))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template_database(postgres_url: str) -> AsyncIterator[str]:
    """The name of a migrated, empty database to which nobody is connected."""
    async with scratch_database(postgres_url) as url:
        await asyncio.to_thread(upgrade, url)
        yield str(make_url(url).database)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """The URL of the module's own migrated database."""
    async with scratch_database(postgres_url, template_database) as url:
        yield url


@pytest_asyncio.fixture
async def own_database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """The URL of a migrated database for one test that changes more than rows."""
    async with scratch_database(postgres_url, template_database) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as database:
        yield database


@pytest.fixture(scope="module")
def repository(database: Database) -> FileStorageRepository:
    return FileStorageRepository(database)
