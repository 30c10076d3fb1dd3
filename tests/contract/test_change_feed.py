"""What every ChangeFeed tells, the in-memory twin and PostgreSQL alike."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
import uuid_utils.compat

from app.database.config import Database
from app.database.engine import dsn
from app.domain.change import Change, Changes, Position, Shown, Whose
from app.domain.event import deleted, url_issued
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.ports import ChangeFeed
from app.domain.removal import as_deleted
from app.domain.transition import moved
from app.exceptions.errors import DatabaseUnavailable
from app.repository.change_repository import ChangeRepository
from app.repository.file_storage_repository import FileStorageRepository
from tests.fakes.change_feed import InMemoryChangeFeed
from tests.support.databases import opened
from tests.support.records import NOON, a_creation, a_record

UPLOADED, COMPLETED, FAILED = FileStatus.UPLOADED, FileStatus.COMPLETED, FileStatus.FAILED
BEGINNING = Position(0, 0)
LAST = Position(2**64 - 1, 2**63 - 1)


class InMemory:
    """The twin, and what happens to files."""

    def __init__(self) -> None:
        self.feed = InMemoryChangeFeed()

    async def store(self, record: FileRecord) -> None:
        self.feed.commit(record, [a_creation(record)])

    async def append(self, record: FileRecord, event: FileEvent) -> None:
        self.feed.commit(record, [event])

    async def move(self, _: FileRecord, after: FileRecord, events: Sequence[FileEvent]) -> None:
        self.feed.commit(after, events)

    async def renumber(self, file_id: UUID, xact: int) -> None:
        self.feed.changes = [
            dataclasses.replace(change, position=Position(xact, change.position.id))
            if change.file_id == file_id
            else change
            for change in self.feed.changes
        ]


class InPostgreSQL:
    """The real feed, and the same."""

    def __init__(self, database: Database, files: FileStorageRepository) -> None:
        self.feed = ChangeRepository(database)
        self._database = database
        self._files = files

    async def store(self, record: FileRecord) -> None:
        await self._files.insert(record, a_creation(record))

    async def append(self, record: FileRecord, event: FileEvent) -> None:
        await self._files.append(record, event)

    async def move(
        self, before: FileRecord, after: FileRecord, events: Sequence[FileEvent]
    ) -> None:
        assert await self._files.move(before, after, events)

    async def renumber(self, file_id: UUID, xact: int) -> None:
        statement = "UPDATE file_events SET xact = $2 WHERE file_id = $1"
        await self._database.ask(lambda c: c.execute(statement, file_id, xact))


Setup = InMemory | InPostgreSQL


@pytest.fixture
def in_memory() -> InMemory:
    return InMemory()


@pytest.fixture
def in_postgresql(database: Database, repository: FileStorageRepository) -> InPostgreSQL:
    return InPostgreSQL(database, repository)


@pytest.fixture(params=["in_memory", "in_postgresql"])
def setup(request: pytest.FixtureRequest) -> Setup:
    setup: Setup = request.getfixturevalue(request.param)
    return setup


@pytest.fixture
def owner() -> str:
    """Nobody else's changes in this test's, whatever the database holds."""
    return f"owner-{uuid_utils.compat.uuid7()}"


async def settled(
    feed: ChangeFeed, after: Position = BEGINNING, *, limit: int = 999, of: Whose | None = None
) -> Changes:
    """Once nothing is hidden any more: the server has transactions of its own."""
    async with asyncio.timeout(60):
        while (changes := await feed.since(after, limit=limit, of=of)).is_unsettled:  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)
    return changes


async def told(
    feed: ChangeFeed,
    after: Position = BEGINNING,
    *,
    limit: int = 999,
    of: Whose | None = None,
) -> list[Change]:
    return list((await settled(feed, after, limit=limit, of=of)).items)


async def stored(setup: Setup, owner: str) -> FileRecord:
    record = a_record(owner=owner)
    await setup.store(record)
    return record


async def move(
    setup: Setup, record: FileRecord, *path: FileStatus, reason: str | None = None
) -> FileRecord:
    """All of it in one transaction."""
    after, events = moved(record, path, "worker", NOON, reason)
    await setup.move(record, after, events)
    return after


async def delete(setup: Setup, record: FileRecord) -> None:
    at = NOON + timedelta(minutes=1)
    await setup.move(record, as_deleted(record, at), [deleted("worker", at)])


async def ended(setup: Setup, owner: str, count: int = 1) -> list[UUID]:
    """That many files, one after the other."""
    records = [await stored(setup, owner) for _ in range(count)]
    return [(await move(setup, record, FAILED)).id for record in records]


def ways(owner: str, file_id: UUID) -> list[Whose | None]:
    """To ask for a change of a file: everybody's, its owner's, its own."""
    return [None, Whose(owner), Whose(owner, file_id)]


def files(changes: Sequence[Change]) -> list[UUID]:
    return [change.file_id for change in changes]


async def test_each_step_is_told_as_it_was(setup: Setup, owner: str) -> None:
    record = await stored(setup, owner)
    await move(setup, record, UPLOADED, COMPLETED, reason="because")
    changes = await told(setup.feed, of=Whose(owner))

    steps = [(UPLOADED, FileStatus.PENDING), (COMPLETED, UPLOADED)]
    assert changes == [
        Change(
            position=change.position,
            owner=owner,
            file_id=record.id,
            key=record.key,
            status=Shown(status),
            before=before,
            at=NOON,
            status_reason=None,
        )
        for change, (status, before) in zip(changes, steps, strict=True)
    ]


async def test_a_failure_comes_with_its_reason(setup: Setup, owner: str) -> None:
    await move(setup, await stored(setup, owner), FAILED, reason="too large")
    [change] = await told(setup.feed, of=Whose(owner))

    assert (change.status, change.status_reason) == (Shown.FAILED, "too large")


async def test_a_deletion_tells_what_the_file_was(setup: Setup, owner: str) -> None:
    failed = await move(setup, await stored(setup, owner), FAILED, reason="too large")
    completed = await move(setup, await stored(setup, owner), UPLOADED, COMPLETED)
    for record in (failed, completed):
        await delete(setup, record)
    first, second = (await told(setup.feed, of=Whose(owner)))[-2:]

    assert (first.file_id, first.status, first.before) == (failed.id, Shown.DELETED, FAILED)
    assert (second.file_id, second.status, second.before) == (
        completed.id,
        Shown.DELETED,
        COMPLETED,
    )
    assert (first.status_reason, second.status_reason) == ("too large", None)
    assert first.at == second.at == NOON + timedelta(minutes=1)


async def test_what_is_no_change_is_not_told(setup: Setup, owner: str) -> None:
    record = await stored(setup, owner)
    await setup.append(record, url_issued(owner, "GET", NOON, NOON))

    assert await told(setup.feed, of=Whose(owner)) == []


async def test_changes_come_as_they_happened(setup: Setup, owner: str) -> None:
    start = (await settled(setup.feed)).head
    ids = await ended(setup, owner, 5)
    changes = await told(setup.feed, start)

    assert files(changes) == ids
    positions = [change.position for change in changes]
    assert positions == sorted(set(positions))


async def test_the_order_is_that_of_positions(setup: Setup, owner: str) -> None:
    """However the lines came into the database."""
    first, second, third = await ended(setup, owner, 3)
    for file_id, xact in ((first, 30), (second, 10), (third, 20)):
        await setup.renumber(file_id, xact)

    by_owner = await told(setup.feed, of=Whose(owner))
    assert files(by_owner) == [second, third, first]
    assert [change for change in await told(setup.feed) if change.owner == owner] == by_owner
    assert files(await told(setup.feed, by_owner[0].position, of=Whose(owner))) == [third, first]


async def test_pages_follow_one_another(setup: Setup, owner: str) -> None:
    """Within a transaction too."""
    for _ in range(3):
        await move(setup, await stored(setup, owner), UPLOADED, COMPLETED)
    everything = await told(setup.feed, of=Whose(owner))
    assert len({change.position.xact for change in everything}) == 3

    pages, after = [], BEGINNING
    for _ in range(6):
        pages += await told(setup.feed, after, of=Whose(owner), limit=1)
        after = pages[-1].position
    assert pages == everything
    assert await told(setup.feed, after, of=Whose(owner), limit=1) == []


async def test_a_page_of_everybodys_is_bounded_too(setup: Setup, owner: str) -> None:
    start = (await settled(setup.feed)).head
    ids = await ended(setup, owner, 3)

    assert files(await told(setup.feed, start, limit=2)) == ids[:2]
    assert files(await told(setup.feed, start, limit=3)) == ids


async def test_everybody_is_told_of_their_own(setup: Setup, owner: str) -> None:
    start, other = (await settled(setup.feed)).head, owner + "-2"
    [mine], [theirs], [again] = [await ended(setup, name) for name in (owner, other, owner)]

    assert files(await told(setup.feed, start)) == [mine, theirs, again]
    assert files(await told(setup.feed, start, of=Whose(owner))) == [mine, again]
    assert files(await told(setup.feed, start, of=Whose(other))) == [theirs]
    assert files(await told(setup.feed, start, of=Whose(owner), limit=1)) == [mine]


async def test_one_file_is_told_of_to_its_owner(setup: Setup, owner: str) -> None:
    record = await move(setup, await stored(setup, owner), UPLOADED)
    await ended(setup, owner)
    await move(setup, record, COMPLETED)
    changes = await told(setup.feed, of=Whose(owner, record.id))

    assert [change.status for change in changes] == [Shown.UPLOADED, Shown.COMPLETED]
    assert files(changes) == [record.id, record.id]
    first = changes[0].position
    assert await told(setup.feed, of=Whose(owner, record.id), limit=1) == changes[:1]
    assert await told(setup.feed, first, of=Whose(owner, record.id)) == changes[1:]
    for stranger in ("mallory", ""):
        assert await told(setup.feed, of=Whose(stranger, record.id)) == []


async def test_nothing_is_told_twice(setup: Setup, owner: str) -> None:
    [file_id] = await ended(setup, owner)
    before = await settled(setup.feed, of=Whose(owner))
    [change] = before.items
    just_before = Position(change.position.xact, change.position.id - 1)

    for of in ways(owner, file_id):
        assert await told(setup.feed, just_before, of=of) == [change]
        assert await told(setup.feed, change.position, of=of) == []
        assert await told(setup.feed, before.head, of=of) == []


async def test_the_head_is_after_what_was_and_before_what_comes(setup: Setup, owner: str) -> None:
    await ended(setup, owner)
    past = await settled(setup.feed)
    head = await setup.feed.head()
    [file_id] = await ended(setup, owner)
    present = await settled(setup.feed, head, of=Whose(owner))

    assert past.items[-1].position < past.head <= head
    assert files(present.items) == [file_id]
    assert head < present.items[0].position < present.head <= await setup.feed.head()


async def test_a_position_ahead_of_the_database_shows_by_the_head(setup: Setup, owner: str) -> None:
    [file_id] = await ended(setup, owner)

    for of in ways(owner, file_id):
        changes = await setup.feed.since(LAST, limit=9, of=of)
        assert (changes.items, changes.is_unsettled) == ([], False)
        assert BEGINNING < changes.head < LAST


async def test_another_servers_lines_are_not_told(setup: Setup, owner: str) -> None:
    """They came with a dump, and nobody waits for them."""
    foreign, own = await ended(setup, owner, 2)
    await setup.renumber(foreign, 2**62)

    assert files(await told(setup.feed, of=Whose(owner))) == [own]
    assert foreign not in files(await told(setup.feed))
    assert await told(setup.feed, of=Whose(owner, foreign)) == []


async def test_a_position_survives_as_text(setup: Setup, owner: str) -> None:
    await ended(setup, owner, 2)
    first, second = await told(setup.feed, of=Whose(owner))

    for position in (first.position, await setup.feed.head(), BEGINNING, LAST):
        assert Position.parse(str(position)) == position
    assert await told(setup.feed, Position.parse(str(first.position)), of=Whose(owner)) == [second]


NO_POSITIONS = [
    *("", "1", "1-", "-1", "1-2-3", "1--2", "+1-2", " 1-2", "1-2\n", "a-b", "1.0-2", "١-٢"),
    *(f"{2**64}-0", f"0-{2**63}", "1" * 21 + "-0"),
]


@pytest.mark.parametrize("text", NO_POSITIONS)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        Position.parse(text)


def test_positions_are_written_as_two_numbers() -> None:
    assert str(Position(12, 34)) == "12-34"
    assert str(LAST) == "18446744073709551615-9223372036854775807"


@pytest_asyncio.fixture(params=["memory", "postgresql"])
async def unreachable(request: pytest.FixtureRequest) -> AsyncIterator[ChangeFeed]:
    if request.param == "memory":
        twin = InMemoryChangeFeed()
        twin.down = True
        yield twin
        return
    async with opened("postgresql://nobody@127.0.0.1:9/nowhere") as nowhere:
        yield ChangeRepository(nowhere)


async def test_an_outage_is_told(unreachable: ChangeFeed) -> None:
    with pytest.raises(DatabaseUnavailable):
        await unreachable.head()
    with pytest.raises(DatabaseUnavailable):
        await unreachable.since(BEGINNING, limit=1)


@pytest_asyncio.fixture
async def older(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that has its number before all that follow."""
    connection = await asyncpg.connect(dsn(database_url))
    try:
        await connection.execute("BEGIN; SELECT pg_current_xact_id()")
        yield connection
    finally:
        await connection.close()


async def test_what_an_older_transaction_hides_comes_when_it_ends(
    in_postgresql: InPostgreSQL, older: asyncpg.Connection, owner: str
) -> None:
    feed = in_postgresql.feed
    start = (await settled(feed)).head
    [file_id] = await ended(in_postgresql, owner)

    asked = ways(owner, file_id)
    hidden = [await feed.since(start, limit=9, of=of) for of in asked]
    assert [(changes.items, changes.is_unsettled) for changes in hidden] == [([], True)] * 3
    head = await feed.head()
    await older.execute("ROLLBACK")
    for changes, of in zip(hidden, asked, strict=True):
        [change] = await told(feed, changes.head, of=of)
        assert change.file_id == file_id
    assert files(await told(feed, head)) == [file_id]


async def test_who_commits_late_is_not_missed(
    in_postgresql: InPostgreSQL, older: asyncpg.Connection, owner: str
) -> None:
    """The line of the older transaction has the greater id, and comes first."""
    feed, late = in_postgresql.feed, await stored(in_postgresql, owner)
    [early] = await ended(in_postgresql, owner)
    hidden = await feed.since(BEGINNING, limit=9, of=Whose(owner))
    assert (hidden.items, hidden.is_unsettled) == ([], True)
    await older.execute(
        """
        INSERT INTO file_events (file_id, owner, at, actor, event, from_status, to_status, detail)
        VALUES ($1, $2, now(), 'worker', 'transition', 'pending', 'uploaded', '{}')
        """,
        late.id,
        owner,
    )
    await older.execute("COMMIT")

    first, second = await told(feed, hidden.head, of=Whose(owner))
    assert files([first, second]) == [late.id, early]
    assert first.position.id > second.position.id


async def test_what_the_previous_release_writes_is_its_owners(
    in_postgresql: InPostgreSQL, database: Database, owner: str
) -> None:
    """Which knows of no column `owner`."""
    record = await stored(in_postgresql, owner)
    await database.ask(
        lambda c: c.execute(
            """
            INSERT INTO file_events (file_id, at, actor, event, from_status, to_status, detail)
            VALUES ($1, now(), 'worker', 'transition', 'pending', 'uploaded', '{}'),
                ($1, now(), 'worker', 'deleted', NULL, NULL, '{}')
            """,
            record.id,
        )
    )
    for of in ways(owner, record.id)[1:]:
        assert files(await told(in_postgresql.feed, of=of)) == [record.id] * 2


async def test_others_are_not_kept_waiting_by_what_is_hidden(
    in_postgresql: InPostgreSQL, older: asyncpg.Connection, owner: str
) -> None:
    await ended(in_postgresql, owner)
    changes = await in_postgresql.feed.since(BEGINNING, limit=9, of=Whose(owner + "-2"))

    assert (changes.items, changes.is_unsettled) == ([], False)
