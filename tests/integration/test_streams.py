"""Live status over real sockets: what readers are told, resume, leave and may not see."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import asyncpg
import pytest
import pytest_asyncio

from app.database.engine import dsn
from app.routers import event_stream, streams
from app.settings import Settings
from tests.support.service import User, token_for
from tests.support.streams import DEADLINE, Served, following, served


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(settings: Settings) -> AsyncIterator[Served]:
    async with served(settings.model_copy(update={"max_streams_per_owner": 1000})) as service:
        yield service


@pytest.fixture
def user(service: Served) -> User:
    return User(service.api)


@pytest.fixture
def other(service: Served) -> User:
    return User(service.api)


async def until_nobody_reads(service: Served) -> None:
    async with asyncio.timeout(DEADLINE):
        while service.container.live.readers:  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)


async def test_a_file_is_followed_to_its_end(user: User) -> None:
    record = await user.upload()
    async with following(user, f"/files/{record['id']}/stream") as reader:
        assert reader.answer.headers["content-type"].startswith("text/event-stream")
        assert reader.answer.headers["cache-control"] == "no-store"
        assert reader.answer.headers["x-accel-buffering"] == "no"
        found = await reader.next()
        assert found is not None
        assert found.name == "file"
        assert found.data == {
            "id": record["id"],
            "key": record["key"],
            "status": "pending",
            "from": None,
            "at": found.data["at"],
            "status_reason": None,
        }
        await user.move(record, "uploaded")
        await user.move(record, "completed")
        rest = await reader.rest()
    assert [event.move for event in rest] == [("pending", "uploaded"), ("uploaded", "completed")]


async def test_a_failure_comes_with_its_reason(user: User) -> None:
    record = await user.ask()
    async with following(user, f"/files/{record['id']}/stream") as reader:
        await reader.next()
        await user.move(record, "failed", reason="the user changed their mind")
        [event] = await reader.rest()
    assert event.move == ("pending", "failed")
    assert event.data["status_reason"] == "the user changed their mind"


async def test_a_deletion_ends_a_file(user: User) -> None:
    record = await user.upload()
    await user.move(record, "uploaded")
    async with following(user, f"/files/{record['id']}/stream") as reader:
        assert await reader.moves(1) == [(None, "uploaded")]
        await user.call("DELETE", f"/files/{record['id']}")
        assert [event.move for event in await reader.rest()] == [("uploaded", "deleted")]


async def test_a_file_that_has_ended_is_told_once(user: User) -> None:
    record = await user.ask()
    await user.move(record, "failed")
    path = f"/files/{record['id']}/stream"
    async with following(user, path) as reader:
        [event] = await reader.rest()
    assert event.move == (None, "failed")
    async with following(user, path, last=event.id) as reader:
        again = await reader.rest()
    # The id of what was found may come before the move: once more, then never again.
    last = again[-1].id if again else event.id
    async with following(user, path, last=last) as reader:
        assert reader.answer.status_code == 204


async def test_all_files_of_an_owner_and_no_others(user: User, other: User) -> None:
    mine, too, theirs = await user.ask(), await user.ask(), await other.ask()
    async with following(user, "/files/stream") as reader:
        ready = await reader.next()
        assert ready is not None
        assert (ready.name, ready.data) == ("ready", {})
        for owner, record in ((user, mine), (other, theirs), (user, too)):
            await owner.move(record, "failed")
        seen = [await reader.next(), await reader.next()]
    assert [event and event.data["id"] for event in seen] == [mine["id"], too["id"]]


async def test_one_file_among_many(user: User) -> None:
    mine, too = await user.ask(), await user.ask()
    async with following(user, f"/files/{too['id']}/stream") as reader:
        await reader.next()
        await user.move(mine, "failed")
        await user.move(too, "failed")
        assert [event.data["id"] for event in await reader.rest()] == [too["id"]]


@pytest.mark.parametrize("by", ["header", "query"])
async def test_what_was_missed_comes_first(user: User, by: str) -> None:
    records = [await user.ask() for _ in range(4)]
    async with following(user, "/files/stream") as reader:
        await reader.next()
        await user.move(records[0], "failed")
        await reader.next()
        last = reader.last_id
    for record in records[1:3]:
        await user.move(record, "failed")
    path = "/files/stream" if by == "header" else f"/files/stream?last_event_id={last}"
    async with following(user, path, last if by == "header" else None) as reader:
        missed = [await reader.next(), await reader.next()]
        await user.move(records[3], "failed")
        new = await reader.next()
    seen = [event.data["id"] for event in [*missed, new] if event]
    assert seen == [record["id"] for record in records[1:]]


async def test_nothing_is_lost_or_told_twice_while_a_reader_comes_and_goes(user: User) -> None:
    records = [await user.ask() for _ in range(40)]
    seen: list[str] = []
    async with following(user, "/files/stream") as reader:
        await reader.next()
        last = reader.last_id

    async def fail_all() -> None:
        for record in records:
            await user.move(record, "failed")

    failing = asyncio.create_task(fail_all())
    while len(seen) < len(records):
        async with following(user, "/files/stream", last) as reader:
            for _ in range(3):
                if len(seen) < len(records) and (event := await reader.next()):
                    seen.append(event.data["id"])
                    last = event.id
    await failing
    assert seen == [record["id"] for record in records]


@pytest.mark.parametrize("last", ["0", "a-b", "1-2-3", "-1-2", "18446744073709551616-1", "1-٣"])
async def test_an_unreadable_position_is_refused(user: User, last: str) -> None:
    answer = await user.call("GET", "/files/stream", params={"last_event_id": last})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["errors"][0]["field"] == "last_event_id"


async def test_a_position_of_another_database_resets(user: User) -> None:
    record = await user.ask()
    beyond = "18446744073709551615-1"
    async with following(user, "/files/stream", beyond) as reader:
        event = await reader.next()
        assert event is not None
        assert event.name == "reset"
        await user.move(record, "failed")
        assert await reader.moves(1) == [("pending", "failed")]
    async with following(user, f"/files/{record['id']}/stream", beyond) as reader:
        assert [event.move for event in await reader.rest()] == [(None, "failed")]


async def test_a_reader_who_missed_too_much_resets(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.live.MAX_MISSED", 2)
    async with following(user, "/files/stream") as reader:
        await reader.next()
        last = reader.last_id
    for _ in range(3):
        await user.move(await user.ask(), "failed")
    async with following(user, "/files/stream", last) as reader:
        event = await reader.next()
        assert event is not None
        assert event.name == "reset"
        assert event.id != last


async def test_another_owners_file_is_not_found(user: User, other: User) -> None:
    record = await user.ask()
    answer = await other.call("GET", f"/files/{record['id']}/stream")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_token_that_may_not_read(user: User) -> None:
    for path in ("/files/stream", "/files/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d/stream"):
        answer = await user.call("GET", path, scope="files:write")
        assert answer.status_code == 403


async def test_a_stream_ends_with_its_token(
    service: Served, user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires_at = int(time.time()) + 3600
    nearly = SimpleNamespace(time=lambda: expires_at + settings.jwt_leeway - 0.2)
    monkeypatch.setattr(streams, "time", nearly)
    headers = {"Authorization": f"Bearer {token_for(user.subject, exp=expires_at)}"}
    async with asyncio.timeout(DEADLINE):
        async with service.api.stream("GET", "/files/stream", headers=headers) as answer:
            assert answer.status_code == 200
            await answer.aread()


async def test_silence_is_filled(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_EVERY", 0.05)
    record = await user.ask()
    async with following(user, f"/files/{record['id']}/stream") as reader:
        await reader.next()
        resting = asyncio.create_task(reader.rest())
        async with asyncio.timeout(DEADLINE):
            while reader.comments < 2:  # noqa: ASYNC110 (seen from outside)
                await asyncio.sleep(0.01)
        await user.move(record, "failed")
        assert len(await resting) == 1


async def test_transactions_out_of_order_are_not_skipped(user: User, database_url: str) -> None:
    """One that began earlier, and holds an earlier id, commits later."""
    first, second = await user.ask(), await user.ask()
    earlier = await asyncpg.connect(dsn(database_url))
    async with following(user, "/files/stream") as reader:
        await reader.next()
        transaction = earlier.transaction()
        await transaction.start()
        await earlier.execute(
            "INSERT INTO file_events (file_id, owner, at, actor, event, from_status, to_status,"
            " detail) VALUES ($1, $2, now(), 'test', 'transition', 'pending', 'failed', '{}')",
            first["id"],
            user.subject,
        )
        await user.move(second, "failed")
        waiting = asyncio.create_task(reader.next())
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done, "told before the earlier transaction had ended"
        await transaction.commit()
        seen = [await waiting, await reader.next()]
    await earlier.close()
    assert [event and event.data["id"] for event in seen] == [first["id"], second["id"]]


async def test_who_leaves_is_forgotten_at_once(service: Served, user: User) -> None:
    await until_nobody_reads(service)
    async with following(user, "/files/stream") as reader:
        await reader.next()
        assert service.container.live.readers == 1
    await until_nobody_reads(service)


async def test_nothing_runs_when_nobody_reads(service: Served, user: User) -> None:
    await until_nothing_runs()
    async with following(user, "/files/stream") as reader:
        await reader.next()
        assert len(running()) >= 4  # the hub, its listener, and two beside the reader
    await until_nothing_runs()


def running() -> list[str]:
    """The tasks of streams."""
    tasks = [repr(task.get_coro()) for task in asyncio.all_tasks()]
    return [t for t in tasks if any(n in t for n in ("LiveHub", "Listener", "_watch", "_beat"))]


async def until_nothing_runs() -> None:
    async with asyncio.timeout(DEADLINE):
        while running():  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)
