"""The migrations make exactly the schema that the models declare, wherever they start."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from alembic.config import Config
from procrastinate.schema import SchemaManager
from sqlalchemy.pool import NullPool

from alembic import command
from app.database.config import Database
from app.database.engine import create_engine
from app.database.migrate import ADVISORY_LOCK, check_current, upgrade
from app.database.models import metadata
from app.exceptions.errors import DatabaseUnavailable, NotReady
from tests.support.databases import execute, opened, scratch_database

INI = Path(__file__).parents[2] / "alembic.ini"

SCHEMA = """
SELECT format('column %I.%I %s %s %s %s', table_name, column_name, data_type, is_nullable,
              column_default, identity_generation)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT format('constraint %I on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT format('function %s', oid::regprocedure)
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('trigger %s', pg_get_triggerdef(pg_trigger.oid))
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
UNION ALL
SELECT format('type %s', oid::regtype)
FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
ORDER BY 1
"""


@pytest_asyncio.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    async with scratch_database(postgres_url) as url:
        yield url


async def schema(url: str) -> list[str]:
    """Every column, index, constraint, function, trigger and enumeration, in words; Alembic's own
    table left out."""
    lines = [row[0] for row in await execute(url, SCHEMA)]
    return [line for line in lines if "alembic_version" not in line]


def alembic(url: str) -> Config:
    config = Config(INI)
    config.attributes["database_url"] = url
    return config


async def test_migrations_make_what_the_models_declare(
    own_database_url: str, empty_url: str
) -> None:
    engine = create_engine(empty_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)

    migrated = [line for line in await schema(own_database_url) if "procrastinate_" not in line]
    assert migrated == await schema(empty_url)
    assert len(migrated) > 40


def test_the_queue_is_that_of_the_installed_procrastinate() -> None:
    """When this fails after an upgrade: a migration with what the new release changed."""
    vendored = INI.parent / "alembic/sql/procrastinate_3_10.sql"
    assert vendored.read_text() == SchemaManager.get_schema()


async def test_the_queue_takes_jobs(own_database_url: str) -> None:
    job = "('files', 'discard', 0, 'lock', NULL, '{}', NULL)::procrastinate_job_to_defer_v1"
    await execute(own_database_url, f"SELECT procrastinate_defer_jobs_v1(ARRAY[{job}])")
    [row] = await execute(own_database_url, "SELECT task_name, status FROM procrastinate_jobs")
    assert tuple(row) == ("discard", "todo")


async def test_alembic_finds_nothing_to_add(own_database_url: str) -> None:
    await asyncio.to_thread(command.check, alembic(own_database_url))


async def test_down_to_nothing_and_up_again(own_database_url: str) -> None:
    before = await schema(own_database_url)
    await asyncio.to_thread(command.downgrade, alembic(own_database_url), "base")
    assert await schema(own_database_url) == []

    await asyncio.to_thread(upgrade, own_database_url)
    assert await schema(own_database_url) == before


async def test_again_changes_nothing(own_database_url: str) -> None:
    before = await schema(own_database_url)
    await asyncio.to_thread(upgrade, own_database_url)
    assert await schema(own_database_url) == before


async def test_it_works_from_any_directory(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await asyncio.to_thread(upgrade, empty_url)
    assert await schema(empty_url)


async def test_the_command_line_reads_the_setting(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    await asyncio.to_thread(command.upgrade, Config(INI), "head")
    assert await schema(empty_url)


async def test_the_command_line_asks_for_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    with pytest.raises(SystemExit, match="DATABASE_URL"):
        await asyncio.to_thread(command.upgrade, Config(INI), "head")


async def test_those_who_migrate_take_turns(empty_url: str) -> None:
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    other = await asyncpg.connect(empty_url)
    await other.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
    migrating = asyncio.create_task(asyncio.to_thread(upgrade, empty_url))
    async with asyncio.timeout(60):
        while not await other.fetch(waiting):
            assert not migrating.done()
    assert await schema(empty_url) == []

    await other.close()
    await migrating
    assert await schema(empty_url)


async def test_a_table_in_use_is_not_waited_for_long(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that queues behind a long transaction would stop every request behind itself."""
    patched = alembic(own_database_url)
    patched.attributes["lock_timeout"] = "50ms"
    holder = await asyncpg.connect(own_database_url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE files IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            async with asyncio.timeout(60):
                await asyncio.to_thread(command.downgrade, patched, "base")
    await holder.close()
    assert await schema(own_database_url)


async def test_each_commits_by_itself(own_database_url: str) -> None:
    """So none holds the locks of those before it; after a failure the next start goes on there."""
    await asyncio.to_thread(command.downgrade, alembic(own_database_url), "20261121_01")
    patched = alembic(own_database_url)
    patched.attributes["lock_timeout"] = "50ms"
    holder = await asyncpg.connect(own_database_url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE file_events IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            await asyncio.to_thread(command.upgrade, patched, "20261121_05")
    await holder.close()
    reached = await execute(own_database_url, "SELECT version_num FROM alembic_version")
    assert reached == [("20261121_04",)]
    await asyncio.to_thread(upgrade, own_database_url)


async def test_a_server_that_is_down(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await asyncio.to_thread(upgrade, f"postgresql://postgres@/slipway?host={tmp_path}")


async def test_ready_when_everything_is_applied(database: Database) -> None:
    await check_current(database)


async def test_not_ready_before_the_first(empty_url: str) -> None:
    async with opened(empty_url) as database:
        with pytest.raises(NotReady, match="python -m app migrate"):
            await check_current(database)


async def test_not_ready_after_going_back(own_database_url: str) -> None:
    await asyncio.to_thread(command.downgrade, alembic(own_database_url), "base")
    async with opened(own_database_url) as database:
        with pytest.raises(NotReady):
            await check_current(database)


async def test_ready_when_a_newer_release_has_migrated(own_database_url: str) -> None:
    """Releases overlap while they roll out, and a migration never breaks the one before."""
    await execute(own_database_url, "UPDATE alembic_version SET version_num = '29991231_01'")
    async with opened(own_database_url) as database:
        await check_current(database)


async def test_readiness_tells_a_server_that_is_down(tmp_path: Path) -> None:
    async with opened(f"postgresql://postgres@/slipway?host={tmp_path}") as database:
        with pytest.raises(DatabaseUnavailable):
            await check_current(database)
