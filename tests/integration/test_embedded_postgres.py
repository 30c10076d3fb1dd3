"""The embedded PostgreSQL: what it is, and what it withstands."""

import asyncio
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.infrastructure.embedded import postgres
from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.postgres import EmbeddedPostgres
from app.infrastructure.embedded.processes import has_ended
from tests.support.processes import bystander, engines_of, eventually


def query(url: str, sql: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(url, timeout=60)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    engine = EmbeddedPostgres(tmp_path / "postgres")
    yield engine
    engine.stop()


def test_is_postgresql_18_with_default_durability(engine: EmbeddedPostgres) -> None:
    url = engine.start()
    assert query(url, "SHOW server_version").startswith("18.")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert query(url, f"SHOW {setting}") == "on"


def test_sorts_and_encodes_the_same_on_every_machine(postgres_url: str) -> None:
    assert query(postgres_url, "SHOW server_encoding") == "UTF8"
    locale = "SELECT datlocale FROM pg_database WHERE datname = current_database()"
    assert query(postgres_url, locale) == "C.UTF-8"


def test_nobody_else_can_reach_it(postgres_url: str) -> None:
    assert query(postgres_url, "SHOW listen_addresses") == ""
    sockets = Path(query(postgres_url, "SHOW unix_socket_directories"))
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700


def test_a_restart_keeps_the_data(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    url = engine.start()
    query(url, "CREATE TABLE kept AS SELECT 42 AS n")
    engine.stop()
    assert not engines_of(tmp_path)
    assert query(engine.start(), "SELECT n FROM kept") == 42


def test_an_orphan_of_the_same_directory_is_stopped(
    engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    engine.start()
    (orphan,) = engines_of(tmp_path)
    successor = EmbeddedPostgres(tmp_path / "postgres")
    try:
        assert query(successor.start(), "SELECT 1") == 1
        assert has_ended(orphan)
    finally:
        successor.stop()


def test_a_half_made_cluster_is_made_again(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    partial = tmp_path / "postgres" / "data.partial-killed"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    assert query(engine.start(), "SELECT 1") == 1
    assert not partial.exists()


def test_a_stale_pid_of_another_process_stops_nothing(
    engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    engine.start()
    engine.stop()
    with bystander() as other:
        pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{tmp_path}\n1\n5432\n\n\n")
        assert query(engine.start(), "SELECT 1") == 1


def test_a_pid_file_cut_off_by_a_crash_stops_nothing(
    engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    engine.start()
    engine.stop()
    (tmp_path / "postgres" / "data" / "postmaster.pid").write_text("")
    assert query(engine.start(), "SELECT 1") == 1


def test_a_killed_server_recovers_what_was_committed(
    engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    query(engine.start(), "CREATE TABLE kept AS SELECT 42 AS n")
    (server,) = engines_of(tmp_path)
    server.kill()
    eventually(lambda: not engines_of(tmp_path), "the server is gone")
    engine.stop()
    assert query(engine.start(), "SELECT n FROM kept") == 42


@pytest.mark.parametrize("name", ["long" * 25, "a b%2F&?é,'"])
def test_a_directory_that_no_socket_can_have(tmp_path: Path, name: str) -> None:
    engine = EmbeddedPostgres(tmp_path / name)
    try:
        sockets = Path(query(engine.start(), "SHOW unix_socket_directories"))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        engine.stop()
    assert not sockets.exists()


def test_says_what_to_do_when_it_is_not_installed(
    engine: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="pip install -r requirements-dev"):
        engine.start()


def test_says_why_it_does_not_start(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    engine.start()
    engine.stop()
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EngineError, match="version 17"):
        engine.start()
    assert not engines_of(tmp_path)


def test_says_why_the_cluster_cannot_be_made(
    engine: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_INITDB_OPTIONS", ("--encoding=KLINGON",))
    with pytest.raises(EngineError, match="KLINGON"):
        engine.start()
    assert not (tmp_path / "postgres" / "data").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another user")
def test_root_opens_only_what_is_in_the_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    engine = EmbeddedPostgres(closed / "postgres")
    with caplog.at_level(logging.WARNING):
        url = engine.start()
    try:
        assert query(url, "SELECT 1") == 1
    finally:
        engine.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    assert str(closed) in caplog.text
    assert (closed / "postgres").stat().st_uid == 0
    assert (closed / "postgres" / "data").stat().st_uid != 0
