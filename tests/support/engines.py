"""The engines that the tests run against, one pair a session."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from app.infrastructure.embedded.postgres import EmbeddedPostgres
from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS, S3Server


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the database `slipway` of an embedded PostgreSQL, whose user may do everything."""
    engine = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    url = engine.start()
    asyncio.run(_do_not_wait_for_the_disk(url))
    yield url
    engine.stop()


async def _do_not_wait_for_the_disk(url: str) -> None:
    """No test cuts the power, and each commit of a database may stall on another's writing."""
    connection = await asyncpg.connect(url, timeout=60)
    await connection.execute("ALTER SYSTEM SET fsync = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An embedded SeaweedFS without buckets, and the keys of its administrator."""
    engine = EmbeddedSeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    yield engine.start()
    engine.stop()
