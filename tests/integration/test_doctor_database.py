"""The doctor's checks of PostgreSQL, each broken and whole, against a real one."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.database.migrate import revisions
from app.domain.diagnosis import Examination, Verdict
from app.repository.diagnosis.access import DatabaseAccess
from app.repository.diagnosis.server import examine_transactions
from app.settings import Settings
from tests.support.cable import Cable
from tests.support.databases import execute, scratch_database
from tests.support.examined import bare_settings, examined, problem
from tests.support.processes import free_port
from tests.support.service import User, serving
from tests.support.workers import until

PASSWORD = "a-password-nobody-may-see"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no slow server; tests/unit/test_judgement.py judges those."""
    monkeypatch.setattr("app.domain.judgement.server.SLOW", timedelta(minutes=1))


def on(url: str, **given: object) -> Settings:
    return bare_settings(database_url=url, database_timeout=60, **given)


def with_parameters(url: str, **parameters: str) -> str:
    return make_url(url).update_query_dict(parameters).render_as_string(hide_password=False)


async def look(url: str, name: str = "database", **given: object) -> Examination:
    examination = await examined(on(url, **given), name)
    assert PASSWORD not in repr(examination)
    return examination


class TestReach:
    async def test_a_database_that_answers_is_described(self, database_url: str) -> None:
        examination = await look(database_url)
        assert examination.stands
        assert "PostgreSQL 1" in examination.findings[0].what
        assert "socket of this machine" in examination.findings[0].what

    async def test_a_port_where_nothing_listens(self) -> None:
        url = f"postgresql://me:{PASSWORD}@127.0.0.1:{free_port()}/slipway"
        assert "Nothing listens" in problem(await look(url)).what

    async def test_a_host_that_there_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", unknown)
        url = f"postgresql://me:{PASSWORD}@db.example/slipway"
        assert "DNS" in problem(await look(url)).what

    async def test_a_server_that_hangs_up(self) -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/slipway"
            assert "breaks off" in problem(await look(url)).what

    @pytest.mark.parametrize(
        ("code", "said"),
        [("28P01", "the user or the password"), ("57P03", "is starting"), ("XX000", "(Internal")],
    )
    async def test_a_server_that_answers_with_an_error(self, code: str, said: str) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(4096)
            writer.write(error_response(code))
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/slipway?sslmode=disable"
            assert said in problem(await look(url)).what

    async def test_a_network_that_swallows_everything(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.repository.diagnosis.access.CONNECT_TIMEOUT", 0.2)
        socket_directory = make_url(database_url).query["host"]

        async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_unix_connection(f"{socket_directory}/.s.PGSQL.5432")

        async with Cable(dial) as cable:
            cable.freeze()
            url = f"postgresql://me:{PASSWORD}@127.0.0.1:{cable.port}/slipway"
            assert "in time" in problem(await look(url)).what

    async def test_a_database_that_there_is_not(self, database_url: str) -> None:
        url = make_url(database_url).set(database="nowhere").render_as_string(False)
        finding = problem(await look(url))
        assert "no database nowhere" in finding.what
        assert finding.remedy
        assert "createdb nowhere" in finding.remedy.command

    @pytest.mark.parametrize("url", ["mysql://me:{}@host/db", "postgresql://me:{}@host:port/db"])
    async def test_a_url_that_is_none(self, url: str) -> None:
        assert "cannot be read" in problem(await look(url.format(PASSWORD))).what

    async def test_a_user_who_may_not_connect(self, own_database_url: str) -> None:
        name = make_url(own_database_url).database
        await execute(own_database_url, f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        async with role(own_database_url) as url:
            assert "may not connect" in problem(await look(url)).what

    async def test_a_user_whose_connections_are_used_up(self, database_url: str) -> None:
        async with role(database_url, "LOGIN CONNECTION LIMIT 0") as url:
            assert "no connection left" in problem(await look(url)).what

    async def test_a_server_that_refuses_the_user(self, database_url: str) -> None:
        async with role(database_url, "NOLOGIN") as url:
            assert "does not let this user in" in problem(await look(url)).what

    async def test_a_server_that_takes_no_writes(self, database_url: str) -> None:
        assert (await look(database_url)).verdict is Verdict.OK
        standby = with_parameters(database_url, default_transaction_read_only="on")
        assert "takes no writes" in problem(await look(standby)).what

    async def test_a_database_in_an_encoding_of_few(self, postgres_url: str) -> None:
        name = f"latin_{uuid.uuid4().hex}"
        await execute(
            postgres_url,
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1'"
            " LOCALE_PROVIDER libc LOCALE 'C'",
        )
        try:
            url = make_url(postgres_url).set(database=name).render_as_string(False)
            assert "LATIN1" in problem(await look(url)).what
        finally:
            await execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")

    async def test_what_needs_the_database_is_skipped_without_it(self) -> None:
        url = f"postgresql://me@127.0.0.1:{free_port()}/slipway"
        for name in ("migrations", "server", "transactions", "connections", "worker", "jobs"):
            assert (await look(url, name)).verdict is Verdict.SKIPPED

    async def test_a_user_who_may_not_read_is_told_so(self, database_url: str) -> None:
        async with role(database_url) as url:
            assert "may not read" in problem(await look(url, "migrations")).what


async def test_administrators_are_told_while_the_database_is_down(settings: Settings) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{free_port()}/slipway"
    down = settings.model_copy(update={"database_url": SecretStr(url)})
    async with serving(down) as api:
        answer = await User(api).call("GET", "/doctor", scope="admin")
    assert answer.status_code == 200, answer.text
    assert PASSWORD not in answer.text
    found = {check["name"]: check["verdict"] for check in answer.json()["checks"]}
    assert (found["database"], found["jobs"], found["bucket"]) == ("failure", "skipped", "ok")


def error_response(code: str) -> bytes:
    """https://www.postgresql.org/docs/18/protocol-message-formats.html"""
    fields = f"SFATAL\0C{code}\0Mit quotes {PASSWORD}\0\0".encode()
    return b"E" + (4 + len(fields)).to_bytes(4, "big") + fields


@asynccontextmanager
async def role(url: str, options: str = "LOGIN") -> AsyncIterator[str]:
    """The URL for another user of that database, who may do little."""
    name = f"r{uuid.uuid4().hex}"
    await execute(url, f"CREATE ROLE {name} PASSWORD '{PASSWORD}' {options}")
    try:
        yield make_url(url).set(username=name, password=PASSWORD).render_as_string(False)
    finally:
        await execute(url, f"DROP ROLE {name}")


class TestMigrations:
    async def test_those_that_are_missing_are_applied_when_asked(self, postgres_url: str) -> None:
        async with scratch_database(postgres_url) as url:
            missing = await look(url, "migrations")
            assert f"{len(revisions())} migrations are missing" in problem(missing).what
            assert problem(missing).fixable
            assert (await examined(on(url), "worker")).verdict is Verdict.SKIPPED

            mended = await examined(on(url), "migrations", fix=True)
            assert (mended.verdict, bool(mended.fixed)) == (Verdict.OK, True)
            assert (await look(url, "migrations")).verdict is Verdict.OK

    async def test_one_is_named(self, own_database_url: str) -> None:
        before, last = revisions()[-2:]
        await execute(own_database_url, f"UPDATE alembic_version SET version_num = '{before}'")
        finding = problem(await look(own_database_url, "migrations"))
        assert finding.what == f"1 migration is missing: {last}."
        assert finding.remedy
        assert finding.remedy.command == "python -m app migrate"

    async def test_those_of_a_newer_release_are_noted(self, own_database_url: str) -> None:
        await execute(own_database_url, "UPDATE alembic_version SET version_num = '20991231_01'")
        examination = await look(own_database_url, "migrations")
        assert examination.verdict is Verdict.NOTE
        assert "20991231_01" in examination.findings[0].what


class TestServer:
    @pytest.mark.parametrize(
        ("name", "value", "verdict"),
        [
            ("synchronous_commit", "off", Verdict.NOTE),
            ("default_transaction_isolation", "serializable", Verdict.WARNING),
            ("default_transaction_isolation", "repeatable read", Verdict.WARNING),
        ],
    )
    async def test_a_setting_of_the_database_that_hurts(
        self, own_database_url: str, name: str, value: str, verdict: Verdict
    ) -> None:
        before = await look(own_database_url, "server")
        assert not any(name in finding.what for finding in before.findings)
        database = make_url(own_database_url).database
        await execute(own_database_url, f"ALTER DATABASE {database} SET {name} = '{value}'")
        after = await look(own_database_url, "server")
        [finding] = [f for f in after.findings if name in f.what]
        assert finding.verdict is verdict
        assert finding.why

    @pytest.mark.parametrize(
        ("name", "verdict"),
        [
            ("fsync", Verdict.FAILURE),
            ("full_page_writes", Verdict.FAILURE),
            ("autovacuum", Verdict.WARNING),
        ],
    )
    async def test_a_setting_of_the_server_that_hurts(
        self, database_url: str, name: str, verdict: Verdict
    ) -> None:
        """The server of all tests has `fsync` off."""
        [[before]] = await execute(database_url, f"SHOW {name}")
        try:
            await set_on_server(database_url, name, "off")
            found = {f.what: f.verdict for f in (await look(database_url, "server")).findings}
            assert found[f"{name} is off."] is verdict
            await set_on_server(database_url, name, "on")
            found = {f.what: f.verdict for f in (await look(database_url, "server")).findings}
            assert f"{name} is off." not in found
        finally:
            await set_on_server(database_url, name, before)

    async def test_rows_that_nobody_freezes(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def told(examination: Examination) -> bool:
            return any("last frozen" in finding.what for finding in examination.findings)

        assert not told(await look(database_url, "server"))
        monkeypatch.setattr("app.domain.judgement.server.OLD_TRANSACTIONS", 1)
        assert told(await look(database_url, "server"))


async def set_on_server(url: str, name: str, value: str) -> None:
    await execute(url, f"ALTER SYSTEM SET {name} = '{value}'")
    await execute(url, "SELECT pg_reload_conf()")

    async def is_set() -> bool:
        return [tuple(row) for row in await execute(url, f"SHOW {name}")] == [(value,)]

    await until(is_set, f"{name} is {value}")


class TestTransactions:
    async def test_one_that_has_written_and_does_not_end(self, database_url: str) -> None:
        access = DatabaseAccess(database_url, timeout=60)
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute("BEGIN")
            [reading] = await examine_transactions(access, longest=timedelta(0))
            await connection.execute("SELECT pg_current_xact_id()")
            [writing] = await examine_transactions(access, longest=timedelta(0))
            [young] = await examine_transactions(access)
        finally:
            await connection.close()
        assert (reading.verdict, young.verdict) == (Verdict.OK, Verdict.OK)
        assert writing.verdict is Verdict.WARNING
        assert "open for" in writing.what


class TestConnections:
    async def test_pools_that_do_not_fit(self, database_url: str) -> None:
        [[most]] = await execute(database_url, "SHOW max_connections")
        fits = await look(database_url, "connections", workers=1, database_pool_size=5)
        assert fits.verdict is Verdict.OK
        finding = problem(
            await look(database_url, "connections", workers=2, database_pool_size=int(most))
        )
        assert f"max_connections {most}" in finding.what
        assert finding.remedy
        advised = int(finding.remedy.command.removeprefix("DATABASE_POOL_SIZE="))
        followed = await look(database_url, "connections", workers=2, database_pool_size=advised)
        assert followed.verdict is Verdict.OK
        beyond = await look(database_url, "connections", workers=2, database_pool_size=advised + 1)
        assert beyond.verdict is Verdict.WARNING

    async def test_workers_that_live_are_counted(self, own_database_url: str) -> None:
        before = await look(own_database_url, "connections", workers=1, database_pool_size=10)
        [[most]] = await execute(own_database_url, "SHOW max_connections")
        processes = int(most) // 15
        await execute(
            own_database_url,
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            f" SELECT now() FROM generate_series(1, {processes})",
        )
        after = await look(own_database_url, "connections", workers=1, database_pool_size=10)
        assert (before.verdict, after.verdict) == (Verdict.OK, Verdict.WARNING)
        assert f"{processes} × (10 + 6) for workers" in problem(after).what

    async def test_a_limit_of_the_role(self, own_database_url: str) -> None:
        async with reader(own_database_url) as url:
            assert (await look(url, "connections")).verdict is Verdict.OK
        async with reader(own_database_url, "LOGIN CONNECTION LIMIT 25") as url:
            assert "25 are allowed" in problem(await look(url, "connections")).what

    async def test_a_server_that_is_nearly_full(self, own_database_url: str) -> None:
        """As seen by a user before whose eyes another number stands."""
        assert (await look(own_database_url, "connections")).verdict is Verdict.OK
        await execute(own_database_url, "CREATE SCHEMA few")
        await execute(
            own_database_url, "CREATE VIEW few.pg_stat_database AS SELECT 1000 AS numbackends"
        )
        full = with_parameters(own_database_url, search_path="few,pg_catalog,public")
        assert "are in use" in problem(await look(full, "connections")).what


@asynccontextmanager
async def reader(url: str, options: str = "LOGIN") -> AsyncIterator[str]:
    """A user who may read every table."""
    async with role(url, f"{options} IN ROLE pg_read_all_data") as own:
        yield own
