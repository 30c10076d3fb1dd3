"""The engines that the tests run against, one pair a session."""

from collections.abc import Iterator

import pytest

from app.infrastructure.embedded.postgres import EmbeddedPostgres
from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS, S3Server


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the database `slipway` of an embedded PostgreSQL, whose user may do everything."""
    engine = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    yield engine.start()
    engine.stop()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An embedded SeaweedFS without buckets, and the keys of its administrator."""
    engine = EmbeddedSeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    yield engine.start()
    engine.stop()
