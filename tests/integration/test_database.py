"""The pool: bounded waits, failures told apart, recovery without a restart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from app.database import config, engine
from app.database.config import Database
from app.database.engine import Connection, dsn
from app.domain.idempotency import IdempotencyClaim
from app.exceptions.errors import DatabaseUnavailable
from app.repository.file_storage_repository import FileStorageRepository
from tests.support.cable import Cable
from tests.support.databases import execute, opened
from tests.support.records import NOON, a_creation, a_record


@pytest_asyncio.fixture
async def cable(database_url: str) -> AsyncIterator[Cable]:
    socket = f"{make_url(database_url).query['host']}/.s.PGSQL.5432"
    async with Cable(lambda: asyncio.open_unix_connection(socket)) as cable:
        yield cable


@pytest_asyncio.fixture
async def cabled(database_url: str, cable: Cable) -> AsyncIterator[Database]:
    """The database through a cable that can be cut."""
    url = make_url(database_url).set(query={}, host="127.0.0.1", port=cable.port)
    async with opened(url.render_as_string(hide_password=False)) as database:
        yield database


@pytest_asyncio.fixture
async def impatient(
    database_url: str, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """The same with short limits, and three connections that are made already."""
    monkeypatch.setattr(config, "CLIENT_MARGIN", 0.1)
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT", 0.2)
    url = make_url(database_url).set(query={}, host="127.0.0.1", port=cable.port)
    address = url.render_as_string(hide_password=False)
    async with opened(address, pool_size=3, timeout=0.2) as database:
        await all_answer(database)
        yield database


async def all_answer(database: Database) -> None:
    """Its connections do, at once; on a busy machine not at the first attempt."""
    async with asyncio.timeout(60):
        while True:
            pings = (database.ping() for _ in range(database.pool_status()["size"]))
            outcomes = await asyncio.gather(*pings, return_exceptions=True)
            if outcomes == [None] * len(outcomes):
                return
            assert {type(outcome) for outcome in outcomes} <= {type(None), DatabaseUnavailable}


async def end_backends(database_url: str) -> None:
    """What a restart of the server does to every connection (SQLSTATE 57P01)."""
    others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    async with asyncio.timeout(60):
        while await execute(database_url, f"SELECT pg_terminate_backend(pid) FROM {others}"):
            pass


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_the_usual_schemes_are_taken(scheme: str) -> None:
    rest = "u:p%40ss@db.internal:5433/files?sslmode=require"

    assert dsn(f"{scheme}://{rest}") == f"postgresql://{rest}"


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@db/files", "postgresql+psycopg2://u:hunter2@db/files", "hunter2", ""]
)
def test_another_scheme_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(ValueError, match="must start with postgresql://") as refusal:
        Database(url)
    assert "hunter2" not in str(refusal.value)


async def test_sslmode_is_heeded(cable: Cable, database_url: str) -> None:
    url = make_url(database_url).set(
        query={"sslmode": "require"}, host="127.0.0.1", port=cable.port
    )
    async with opened(url.render_as_string(hide_password=False)) as database:
        with pytest.raises(DatabaseUnavailable) as failure:
            await database.ping()
    assert "rejected SSL upgrade" in str(failure.value.__cause__)


async def test_it_answers(database: Database) -> None:
    await database.ping()


async def test_each_statement_is_bounded(database_url: str) -> None:
    async with opened(database_url, timeout=1) as database:
        with pytest.raises(DatabaseUnavailable) as failure:
            await database.run(lambda connection: connection.execute("SELECT pg_sleep(60)"))
        # By the server, so that it does not go on with what nobody waits for.
        assert isinstance(failure.value.__cause__, asyncpg.QueryCanceledError)
        await database.ping()


async def test_a_silent_server_is_bounded(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own clock ends it, and nobody else gets that connection."""
    monkeypatch.setattr(config, "CLIENT_MARGIN", 0.2)

    used = []

    async def deaf(connection: Connection) -> None:
        used.append(connection.get_server_pid())
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("SELECT pg_sleep(60)")

    async with opened(database_url, timeout=1) as database:
        with pytest.raises(DatabaseUnavailable) as failure:
            await database.run(deaf)
        assert isinstance(failure.value.__cause__, TimeoutError)
        assert await database.run(lambda c: c.fetchval("SELECT pg_backend_pid()")) not in used
        with pytest.raises(DatabaseUnavailable) as failure:
            await database.ask(_deafly)
        assert isinstance(failure.value.__cause__, TimeoutError), "and not asked again"
        await database.ping()


async def _deafly(connection: Connection) -> None:
    await connection.execute("SET statement_timeout = 0; SELECT pg_sleep(60)")


Call = Callable[[FileStorageRepository], Awaitable[object]]


def _page(files: FileStorageRepository) -> Awaitable[object]:
    return files.page("alice", status=None, policy=None, before=None, limit=1)


def _insert(files: FileStorageRepository) -> Awaitable[object]:
    record = a_record()
    return files.insert(record, a_creation(record))


def _insert_once(files: FileStorageRepository) -> Awaitable[object]:
    record = a_record()
    claim = IdempotencyClaim(record.owner, str(record.id), "f" * 64, NOON)
    return files.insert_once(claim, [(record, a_creation(record))])


def _find(files: FileStorageRepository) -> Awaitable[object]:
    return files.find("alice", id=UUID(int=1))


@pytest.mark.parametrize("call", [_find, _page, _insert, _insert_once])
async def test_a_dead_network_ends_every_call(
    impatient: Database, cable: Cable, call: Call
) -> None:
    files = FileStorageRepository(impatient)
    cable.freeze()
    async with asyncio.timeout(60):
        calls = (call(files) for _ in range(5))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 5
    assert impatient.pool_status()["in_use"] == 0

    cable.thaw()
    await all_answer(impatient)


@pytest.mark.parametrize("call", [_find, _page, _insert_once])
async def test_a_cancelled_call_ends_on_a_dead_network(
    impatient: Database, cable: Cable, call: Call
) -> None:
    """And leaves no connection behind that cancels whoever comes next."""
    files = FileStorageRepository(impatient)
    cable.freeze()
    async with asyncio.timeout(60):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(files), 0.05)
    assert impatient.pool_status()["in_use"] == 0

    cable.thaw()
    await all_answer(impatient)


async def test_work_that_waits_for_more_than_the_driver_is_bounded(impatient: Database) -> None:
    """As asyncpg does for leave to write a long batch, which no lost connection tells it."""

    async def stuck(_: Connection) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(60):
        with pytest.raises(DatabaseUnavailable):
            await impatient.run(stuck)
    assert impatient.pool_status()["in_use"] == 0


async def test_a_call_cancelled_midway_leaves_its_connection_to_nobody(database_url: str) -> None:
    async with opened(database_url) as database:
        used = []

        async def endless(connection: Connection) -> None:
            used.append(connection.get_server_pid())
            await connection.execute("SELECT pg_sleep(60)")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.run(endless), 0.1)
        assert await database.run(lambda c: c.fetchval("SELECT pg_backend_pid()")) not in used


async def test_waiting_for_a_connection_is_bounded(database_url: str) -> None:
    async with opened(database_url, pool_size=1, timeout=0.2) as database:

        async def while_held(_: Connection) -> None:
            assert database.pool_status() == {"size": 1, "idle": 0, "in_use": 1}
            with pytest.raises(DatabaseUnavailable):
                await database.ping()

        await database.run(while_held)
        assert database.pool_status() == {"size": 1, "idle": 1, "in_use": 0}


async def test_whoever_gives_up_waiting_takes_no_connection_along(database_url: str) -> None:
    async with opened(database_url, pool_size=1) as database:

        async def while_held(_: Connection) -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.ping(), 0.05)

        await database.run(while_held)
        assert database.pool_status() == {"size": 1, "idle": 1, "in_use": 0}
        await database.ping()


async def test_a_connection_goes_to_the_one_that_waits_longest(database_url: str) -> None:
    async with opened(database_url, pool_size=1) as database:
        turns: list[int] = []

        async def turn(number: int) -> None:
            await database.ask(lambda connection: connection.fetchval("SELECT pg_sleep(0.001)"))
            turns.append(number)

        await asyncio.gather(*(turn(number) for number in range(20)))
        assert turns == list(range(20))


async def test_one_that_is_lent_when_the_database_closes_ends_with_its_use(
    database_url: str,
) -> None:
    database = Database(database_url)
    await database.open()
    lent: list[Connection] = []

    async def close_under(connection: Connection) -> None:
        lent.append(connection)
        await database.close()

    await database.run(close_under)
    assert lent[0].is_closed()


async def test_a_server_that_accepts_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT", 0.1)
    hold = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.transport.abort()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened(f"postgresql://u@127.0.0.1:{port}/d") as database:
        with pytest.raises(DatabaseUnavailable):
            await database.ping()
    hold.set()
    server.close()


async def test_a_server_that_is_down_is_known_by_its_refusal(
    cabled: Database, cable: Cable
) -> None:
    """Not by a timeout: whoever waits hears of it at once."""
    await cabled.ping()
    await cable.cut()
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable) as caught:
            await cabled.ping()
        assert any(isinstance(e, ConnectionRefusedError) for e in _causes(caught.value))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def test_the_first_request_succeeds_when_it_is_back(cabled: Database, cable: Cable) -> None:
    await asyncio.gather(*(cabled.ping() for _ in range(5)))
    await cable.cut()
    with pytest.raises(DatabaseUnavailable):
        await cabled.ping()
    await cable.mend()

    await cabled.ping()


async def test_a_restart_between_requests_goes_unnoticed(database_url: str) -> None:
    async with opened(database_url) as database:
        await asyncio.gather(*(database.ping() for _ in range(5)))
        await end_backends(database_url)
        for _ in range(5):
            await database.run(lambda c: c.execute("SELECT 1"), repeatable=False)


async def test_what_is_repeatable_is_done_again(database_url: str) -> None:
    async with opened(database_url) as database:
        attempts = []

        async def interrupted_once(connection: Connection) -> str:
            attempts.append(connection.get_server_pid())
            if len(attempts) == 1:
                await end_backends(database_url)
            return str(await connection.fetchval("SELECT 'done'"))

        assert await database.run(interrupted_once) == "done"
        assert len(set(attempts)) == 2


async def test_what_is_not_repeatable_is_not(database_url: str) -> None:
    async with opened(database_url) as database:
        attempts = []

        async def interrupted(connection: Connection) -> None:
            attempts.append(connection)
            await end_backends(database_url)
            await connection.fetchval("SELECT 1")

        with pytest.raises(DatabaseUnavailable):
            await database.run(interrupted, repeatable=False)
        assert len(attempts) == 1


async def test_it_is_done_again_once_only(database_url: str) -> None:
    async with opened(database_url) as database:
        attempts = []

        async def always_interrupted(connection: Connection) -> None:
            attempts.append(connection)
            await end_backends(database_url)
            await connection.fetchval("SELECT 1")

        with pytest.raises(DatabaseUnavailable):
            await database.run(always_interrupted)
        assert len(attempts) == 2


@pytest.mark.parametrize(
    ("state", "unavailable"),
    [
        ("08006", True),
        ("25006", True),
        ("28P01", True),
        ("40P01", True),
        ("53100", True),
        ("53300", True),
        ("57014", True),
        ("57P03", True),
        ("22012", False),
        ("23505", False),
        ("42P01", False),
    ],
)
async def test_failures_are_told_apart(database: Database, state: str, unavailable: bool) -> None:
    fail = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    expected = DatabaseUnavailable if unavailable else asyncpg.PostgresError
    with pytest.raises(expected):
        await database.run(lambda connection: connection.execute(fail))


async def test_a_standby_is_unavailable_for_writing(own_database_url: str) -> None:
    name = make_url(own_database_url).database
    await execute(own_database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with opened(own_database_url) as database:
        record = a_record()
        with pytest.raises(DatabaseUnavailable):
            await FileStorageRepository(database).insert(record, a_creation(record))


async def test_a_missing_database_is_unavailable(database_url: str) -> None:
    url = make_url(database_url).set(database="nowhere").render_as_string(hide_password=False)
    async with opened(url) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.ping()


async def test_what_a_caller_is_told_names_nothing_inside(cabled: Database, cable: Cable) -> None:
    await cable.cut()
    with pytest.raises(DatabaseUnavailable) as failure:
        await cabled.ping()
    assert failure.value.detail == "The database does not answer; try again shortly."
    assert failure.value.retry_after >= 1


async def test_it_must_be_opened_first(database_url: str) -> None:
    with pytest.raises(RuntimeError, match=r"open\(\)"):
        await Database(database_url).ping()


async def test_closing_twice_is_harmless(database_url: str) -> None:
    database = Database(database_url)
    await database.open()
    await database.ping()
    await database.close()
    await database.close()


async def test_two_databases_in_one_process(database_url: str, own_database_url: str) -> None:
    """ormar's models belong to no engine: each query runs where its repository points."""
    async with opened(database_url) as here, opened(own_database_url) as there:
        record = a_record(owner="two-databases")
        await FileStorageRepository(here).insert(record, a_creation(record))
        question = {"status": None, "policy": None, "before": None, "limit": 9}
        pages = await asyncio.gather(
            *(
                FileStorageRepository(database).page("two-databases", **question)
                for database in (here, there, here, there)
            )
        )
    assert pages == [[record], [], [record], []]


async def test_statements_survive_a_migration(own_database_url: str) -> None:
    """Prepared statements whose result types changed under them are prepared anew."""
    async with opened(own_database_url) as database:
        files = FileStorageRepository(database)
        record = a_record(owner="migrated")
        question = {"status": None, "policy": None, "before": None, "limit": 9}

        async def ask() -> None:
            assert await files.find("migrated", id=record.id) == record
            assert await files.page("migrated", **question) == [record]
            assert await files.events("migrated", record.id) == [a_creation(record)]

        await files.insert(record, a_creation(record))
        await ask()
        for change in ("ADD COLUMN extra text", "ALTER COLUMN etag TYPE varchar(200)"):
            await execute(own_database_url, f"ALTER TABLE files {change}")
            await ask()
