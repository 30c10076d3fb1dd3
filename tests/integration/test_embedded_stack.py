"""Both engines together: what the settings leave open, one service a directory, kill -9."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.lock import locked
from app.infrastructure.embedded.seaweedfs import S3Server
from app.infrastructure.embedded.seaweedfs_probe import answers
from app.infrastructure.embedded.stack import reachable_engines, running_engines
from app.settings import Settings, StorageType
from tests.support.processes import engines_of, eventually


def settings_for(data_dir: Path, **given: object) -> Settings:
    return Settings(_env_file=None, data_dir=data_dir, **given)


@contextmanager
def other_service(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Another process that runs both engines on `data_dir`, and their two addresses."""
    command = [sys.executable, "-m", "tests.support.run_engines", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_fills_in_what_the_settings_leave_open(tmp_path: Path) -> None:
    with running_engines(settings_for(tmp_path)) as settings:
        assert settings.database_url is not None
        assert settings.s3_endpoint_url is not None
        assert settings.s3_access_key is not None
        assert settings.s3_secret_key is not None
        assert (settings.s3_provider, settings.s3_addressing_style) == ("seaweedfs", "path")
        assert answers(
            S3Server(
                settings.s3_endpoint_url,
                settings.s3_access_key.get_secret_value(),
                settings.s3_secret_key.get_secret_value(),
            )
        )
        assert len(engines_of(tmp_path)) == 2
    assert not engines_of(tmp_path)


def test_an_engine_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with running_engines(settings_for(tmp_path)) as settings:
        assert settings.s3_access_key is not None
        assert settings.s3_secret_key is not None
        assert settings.database_url is not None
        before = engines_of(tmp_path)
        for engine in before:
            engine.kill()
        server = S3Server(
            str(settings.s3_endpoint_url),
            settings.s3_access_key.get_secret_value(),
            settings.s3_secret_key.get_secret_value(),
        )
        url = settings.database_url.get_secret_value()
        eventually(
            lambda: answers(server) and asyncio.run(_database_answers(url)), "both answer again"
        )
        assert not set(before) & set(engines_of(tmp_path))
    assert not engines_of(tmp_path)


async def _database_answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def test_starts_nothing_that_is_given(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    given = settings_for(
        data_dir,
        database_url=SecretStr("postgresql://db/slipway"),
        storage_type=StorageType.S3,
    )
    with running_engines(given) as settings:
        assert settings == given
    assert not data_dir.exists()


def test_a_second_service_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with other_service(tmp_path) as (process, _):
        before = {engine.pid for engine in engines_of(tmp_path)}
        with (
            pytest.raises(EngineError, match=f"process {process.pid}"),
            running_engines(settings_for(tmp_path)),
        ):
            pass
        assert {engine.pid for engine in engines_of(tmp_path)} == before


def test_a_command_beside_the_service_reaches_the_same_engines(tmp_path: Path) -> None:
    given = settings_for(tmp_path)
    with other_service(tmp_path) as (_, addresses):
        before = {engine.pid for engine in engines_of(tmp_path)}
        with reachable_engines(given) as reached:
            assert reached.database_url is not None
            found = {reached.database_url.get_secret_value(), reached.s3_endpoint_url}
            assert found == set(addresses)
            assert reached.s3_secret_key is not None
        with reachable_engines(given, store=False) as reached:
            assert reached.s3_endpoint_url is None
        assert {engine.pid for engine in engines_of(tmp_path)} == before


def test_a_command_without_the_service_runs_the_engines_itself(tmp_path: Path) -> None:
    with reachable_engines(settings_for(tmp_path), store=False):
        assert len(engines_of(tmp_path)) == 1
    assert not engines_of(tmp_path)


def test_two_services_side_by_side_and_a_kill(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    with other_service(theirs) as (process, addresses), running_engines(settings_for(mine)) as own:
        assert own.database_url is not None
        assert {own.database_url.get_secret_value(), own.s3_endpoint_url}.isdisjoint(addresses)
        process.kill()
        process.wait()
        # Their successor starts while the orphans are still on their way down.
        with other_service(theirs) as (_, again):
            assert again == addresses
            assert len(engines_of(theirs)) == 2
        assert len(engines_of(mine)) == 2
    eventually(lambda: not engines_of(tmp_path), "no engine outlives its service")


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1")
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("missing", ["postgres", "seaweedfs"])
def test_says_what_to_do_without_the_development_requirements(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"app.infrastructure.embedded.{missing}", None)
    given = {"postgres": {"storage_type": StorageType.S3}, "seaweedfs": {"database_url": "x"}}
    with (
        pytest.raises(EngineError, match="requirements-dev"),
        running_engines(settings_for(tmp_path, **given[missing])),
    ):
        pass
