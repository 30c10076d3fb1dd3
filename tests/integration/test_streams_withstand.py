"""Streams when something breaks: connections, readers who do not read, the server that ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from app.cli import http_protocol
from app.database import listening
from app.database.doorbell import CHANNEL
from app.database.engine import dsn
from app.settings import Settings
from tests.support.cable import Cable
from tests.support.databases import execute
from tests.support.service import User
from tests.support.streams import DEADLINE, Served, following, served

LISTENERS = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name = 'slipway-listen' AND datname = current_database()"
)


@pytest_asyncio.fixture
async def service(settings: Settings) -> AsyncIterator[Served]:
    limits = {"max_streams": 2000, "max_streams_per_owner": 2000}
    async with served(settings.model_copy(update=limits)) as service:
        yield service


@pytest.fixture
def user(service: Served) -> User:
    return User(service.api)


@pytest_asyncio.fixture
async def cable(database_url: str) -> AsyncIterator[Cable]:
    address = f"{make_url(database_url).query['host']}/.s.PGSQL.5432"
    async with Cable(lambda: asyncio.open_unix_connection(address)) as cable:
        yield cable


@pytest_asyncio.fixture
async def cabled(settings: Settings, database_url: str, cable: Cable) -> AsyncIterator[Served]:
    """A service that reaches the database by a cable, beside the one of the other fixture."""
    url = make_url(database_url).set(query={}, host="127.0.0.1", port=cable.port)
    values = settings.model_dump() | {"database_url": url.render_as_string(hide_password=False)}
    async with served(Settings(_env_file=None, **values)) as service:
        yield service


async def listeners(database_url: str, count: int) -> set[int]:
    """The backends that listen, once there are that many."""
    async with asyncio.timeout(DEADLINE):
        while len(rows := await execute(database_url, LISTENERS)) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return {row["pid"] for row in rows}


async def nobody_reads(service: Served) -> None:
    async with asyncio.timeout(DEADLINE):
        while service.container.live.readers:  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)


async def test_one_connection_listens_for_all_and_goes_with_the_last(
    user: User, database_url: str
) -> None:
    await listeners(database_url, 0)
    async with following(user, "/files/stream"), following(user, "/files/stream"):
        await listeners(database_url, 1)
    await listeners(database_url, 0)


async def test_a_listening_connection_that_is_killed_comes_back(
    user: User, database_url: str
) -> None:
    records = [await user.ask() for _ in range(2)]
    async with following(user, "/files/stream") as reader:
        await reader.next()
        [killed] = await listeners(database_url, 1)
        await execute(database_url, f"SELECT pg_terminate_backend({killed})")
        await user.move(records[0], "failed")
        assert await reader.moves(1) == [("pending", "failed")]
        async with asyncio.timeout(DEADLINE):
            while await listeners(database_url, 1) == {killed}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await user.move(records[1], "failed")
        assert await reader.moves(1) == [("pending", "failed")]


async def test_a_database_that_goes_and_comes_back(
    user: User, cabled: Served, cable: Cable
) -> None:
    """What others did meanwhile is told when it is back."""
    records = [await user.ask() for _ in range(3)]
    there = User(cabled.api, user.subject)
    async with following(there, "/files/stream") as reader:
        await reader.next()
        await cable.cut()
        for record in records[:2]:
            await user.move(record, "failed")
        assert (await there.call("GET", "/files/stream")).status_code == 503
        await cable.mend()
        await user.move(records[2], "failed")
        seen = [await reader.next() for _ in range(3)]
    assert [event and event.data["id"] for event in seen] == [record["id"] for record in records]


async def test_a_network_that_goes_silent_is_noticed(
    user: User,
    cabled: Served,
    cable: Cable,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "KEEPALIVE", 0.1)
    monkeypatch.setattr(listening, "ANSWER_TIMEOUT", 0.1)
    record = await user.ask()
    async with following(User(cabled.api, user.subject), "/files/stream") as reader:
        await reader.next()
        before = await listeners(database_url, 1)
        with capture_logs() as lines:
            cable.freeze()
            await user.move(record, "failed")
            async with asyncio.timeout(DEADLINE):
                while not any("listening" in line["event"] for line in lines):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        cable.thaw()
        assert await reader.moves(1) == [("pending", "failed")]
        async with asyncio.timeout(DEADLINE):
            while before & await listeners(database_url, 1):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_wake_comes_well_before_a_look(
    user: User, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.live_hub.LOOK", 60.0)
    records = [await user.ask() for _ in range(5)]
    async with following(user, "/files/stream") as reader:
        await reader.next()
        await listeners(database_url, 1)
        for record in records:
            await user.move(record, "failed")
            assert await reader.moves(1) == [("pending", "failed")]


async def test_a_reader_who_takes_nothing_is_cut_off(
    service: Served, user: User, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And costs the others nothing."""
    monkeypatch.setattr(http_protocol, "WRITE_TIMEOUT", 0.3)
    record = await user.ask()
    stuck = await a_reader_of_nothing(service, user)
    others = await asyncpg.connect(dsn(database_url))
    async with following(user, "/files/stream") as reader:
        await reader.next()
        seen = 0
        async with asyncio.timeout(60):
            while service.container.live.readers == 2:
                await many_changes(others, record["id"], user.subject, 150)
                for _ in range(150):
                    seen += (await reader.next()) is not None
        assert service.container.live.readers == 1
    assert seen >= 150
    await others.close()
    stuck.close()


async def a_reader_of_nothing(service: Served, user: User) -> socket.socket:
    """With as little room for what it does not read as there can be."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", service.port))
    token = user.headers()["Authorization"]
    head = f"GET /files/stream HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n"
    await loop.sock_sendall(client, head.encode())
    async with asyncio.timeout(DEADLINE):
        while service.container.live.readers < 1:  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)
    return client


async def many_changes(
    connection: "asyncpg.Connection[asyncpg.Record]", file_id: str, owner: str, count: int
) -> None:
    await connection.execute(
        "INSERT INTO file_events (file_id, owner, at, actor, event, from_status, to_status, detail)"
        " SELECT $1, $2, now(), 'test', 'transition', 'pending', 'uploaded', '{}'"
        " FROM generate_series(1, $3::int)",
        file_id,
        owner,
        count,
    )
    await connection.execute(f"NOTIFY {CHANNEL}")


async def test_a_thousand_readers(service: Served, user: User) -> None:
    record = await user.ask()
    async with AsyncExitStack() as open_ones:
        readers = [await open_ones.enter_async_context(plain(service, user)) for _ in range(1000)]
        assert service.container.live.readers == 1000
        await user.move(record, "failed")
        async with asyncio.timeout(DEADLINE):
            lines = await asyncio.gather(*(reader.readuntil(b'"status":"') for reader in readers))
        assert all(record["id"].encode() in line for line in lines)
    await nobody_reads(service)


@asynccontextmanager
async def plain(service: Served, user: User) -> AsyncIterator[asyncio.StreamReader]:
    """A reader past the event `ready`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    token = user.headers()["Authorization"]
    head = f"GET /files/stream HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n"
    try:
        writer.write(head.encode())
        async with asyncio.timeout(DEADLINE):
            await reader.readuntil(b"event: ready\ndata: {}\n\n")
        yield reader
    finally:
        writer.close()


async def test_there_is_room_for_so_many(settings: Settings) -> None:
    limits = {"max_streams": 3, "max_streams_per_owner": 2}
    async with served(settings.model_copy(update=limits)) as service:
        user, other = User(service.api), User(service.api)
        async with following(user, "/files/stream"), following(user, "/files/stream"):
            mine = await user.call("GET", "/files/stream")
            async with following(other, "/files/stream"):
                theirs = await other.call("GET", "/files/stream")
        await nobody_reads(service)
        async with following(user, "/files/stream") as reader:
            assert reader.answer.status_code == 200
    for answer, whose in ((mine, "You have 2"), (theirs, "There are 3")):
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
        assert answer.json()["detail"].startswith(whose)
        assert int(answer.headers["retry-after"]) > 0


async def test_streams_end_when_the_server_does(settings: Settings) -> None:
    async with served(settings) as service:
        user = User(service.api)
        record = await user.ask()
        async with (
            following(user, "/files/stream") as all_files,
            following(user, f"/files/{record['id']}/stream") as one,
        ):
            await all_files.next()
            await one.next()
            service.server.should_exit = True
            # To a proper end: what the server cuts off at its own deadline has none.
            assert await all_files.rest() == await one.rest() == []


async def test_metrics_tell_of_streams(service: Served, user: User) -> None:
    async with following(user, "/files/stream") as reader:
        await reader.next()
        during = (await service.api.get("/metrics")).text
    await nobody_reads(service)
    after = (await service.api.get("/metrics")).text
    assert "slipway_streams_open 1.0" in during
    assert "slipway_streams_open 0.0" in after
    assert 'slipway_streams_ended_total{reason="left"} 1.0' in after
    assert 'route="/files/stream",status="200"' in after
