"""Quotas under concurrency, and what PostgreSQL adds to the contract (tests/contract)."""

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import asyncpg
import pytest
import pytest_asyncio
import uuid_utils.compat

from app.database.config import Database
from app.database.engine import dsn
from app.domain.file import FileRecord, FileStatus
from app.domain.idempotency import IdempotencyClaim
from app.domain.usage import Amount, Limits, Usage
from app.exceptions.errors import QuotaExceeded
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.usage_repository import PostgresUsageRepository
from tests.support.databases import execute, opened
from tests.support.records import NOON, a_creation, a_record

PROCESSES = 4
LIMITS = Limits(bytes=1000, files=40, in_flight_bytes=1000)


@pytest.fixture
def owner() -> str:
    return f"owner-{uuid_utils.compat.uuid7()}"


@pytest_asyncio.fixture
async def processes(database_url: str) -> AsyncIterator[list[FileStorageRepository]]:
    """Repositories as in so many processes: each with its own pool, coalescing by itself."""
    async with AsyncExitStack() as stack:
        databases = [
            await stack.enter_async_context(opened(database_url, pool_size=5))
            for _ in range(PROCESSES)
        ]
        yield [FileStorageRepository(database, LIMITS) for database in databases]


@pytest.fixture
def usages(database: Database) -> PostgresUsageRepository:
    return PostgresUsageRepository(database, LIMITS)


async def really_held(url: str, owner: str) -> Usage:
    """The sums over the owner's records themselves."""
    [row] = await execute(
        url,
        f"""
        SELECT count(*) FILTER (WHERE status <> 'pending'),
               coalesce(sum(file_size) FILTER (WHERE status <> 'pending'), 0),
               count(*) FILTER (WHERE status = 'pending'),
               coalesce(sum(file_size) FILTER (WHERE status = 'pending'), 0)
        FROM files WHERE owner = '{owner}' AND status <> 'failed' AND deleted_at IS NULL
        """,
    )
    return Usage(Amount(row[0], int(row[1])), Amount(row[2], int(row[3])))


def failures(outcomes: Sequence[object]) -> set[type[object]]:
    return {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)}


async def test_64_at_once_fill_the_quota_to_the_byte(
    processes: list[FileStorageRepository],
    usages: PostgresUsageRepository,
    database_url: str,
    owner: str,
) -> None:
    records = [a_record(owner=owner, file_size=50) for _ in range(64)]
    outcomes = await asyncio.gather(
        *(
            processes[index % PROCESSES].insert(record, a_creation(record))
            for index, record in enumerate(records)
        ),
        return_exceptions=True,
    )

    assert outcomes.count(None) == 20
    assert failures(outcomes) == {QuotaExceeded}
    assert (await usages.standing(owner)).usage == Usage(reserved=Amount(20, 1000))
    assert await really_held(database_url, owner) == Usage(reserved=Amount(20, 1000))


async def test_singles_batches_and_keys_never_exceed_it(
    processes: list[FileStorageRepository],
    usages: PostgresUsageRepository,
    database_url: str,
    owner: str,
) -> None:
    rng = random.Random(7)

    async def call(index: int) -> object:
        files = processes[index % PROCESSES]
        sizes = [rng.randint(0, 40) for _ in range(rng.randint(1, 4))]
        created = [(r, a_creation(r)) for r in (a_record(owner=owner, file_size=n) for n in sizes)]
        if index % 3 == 0:
            return await files.insert(*created[0])
        if index % 3 == 1:
            return await files.insert_many(created)
        return await files.insert_once(IdempotencyClaim(owner, f"k{index % 9}", "f", NOON), created)

    outcomes = await asyncio.gather(*map(call, range(64)), return_exceptions=True)

    held = await really_held(database_url, owner)
    assert failures(outcomes) == {QuotaExceeded}
    assert (await usages.standing(owner)).usage == held
    assert 20 < held.reserved.files <= 40
    assert 500 < held.reserved.bytes <= 1000


async def test_files_that_come_and_go_are_counted_exactly(
    processes: list[FileStorageRepository],
    usages: PostgresUsageRepository,
    database_url: str,
    owner: str,
) -> None:
    """Also while others move the same files and somebody recounts."""
    paths = ([FileStatus.FAILED], [FileStatus.UPLOADED], [FileStatus.UPLOADED, FileStatus.FAILED])

    async def live(index: int) -> None:
        record = a_record(owner=owner, file_size=index)
        try:
            await processes[index % PROCESSES].insert(record, a_creation(record))
        except QuotaExceeded:
            return
        await asyncio.gather(*(follow(record, path) for path in paths))

    async def follow(record: FileRecord, path: list[FileStatus]) -> None:
        for process, status in enumerate(path):
            after = dataclasses.replace(record, status=status)
            if not await processes[process].move(record, after, []):
                return
            record = after

    async def recount() -> None:
        for _ in range(20):
            assert await usages.recount(owner) == Usage()

    await asyncio.gather(*map(live, range(64)), recount())

    held = await really_held(database_url, owner)
    assert (await usages.standing(owner)).usage == held
    assert held.reserved == Amount()


async def test_full_owners_are_refused_in_a_batch_and_others_are_not(
    processes: list[FileStorageRepository], usages: PostgresUsageRepository, owner: str
) -> None:
    full = f"{owner}-full"
    await usages.set_limits(full, Limits(bytes=12))
    records = [a_record(owner=full if n % 2 else f"{owner}-{n}") for n in range(40)]
    outcomes = await asyncio.gather(
        *(processes[0].insert(record, a_creation(record)) for record in records),
        return_exceptions=True,
    )

    there = [await processes[0].find(record.owner, id=record.id) for record in records]
    assert [type(outcome) for outcome in outcomes] == [
        type(None) if found else QuotaExceeded for found in there
    ]
    assert sum(found is not None for found in there) == 20 + 2


async def test_many_owners_in_many_batches_do_not_deadlock(
    processes: list[FileStorageRepository], database_url: str, owner: str
) -> None:
    rng = random.Random(3)
    records = [a_record(owner=f"{owner}-{n % 8}", file_size=0) for n in range(320)]
    rng.shuffle(records)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    outcomes = await asyncio.gather(
        *(
            processes[index % PROCESSES].insert(record, a_creation(record))
            for index, record in enumerate(records)
        ),
        return_exceptions=True,
    )

    assert failures(outcomes) == set()
    assert await execute(database_url, deadlocks) == [(0,)]


@pytest.mark.parametrize("together", [False, True])
async def test_an_attempt_still_under_way_is_not_reserved_again(
    database: Database,
    usages: PostgresUsageRepository,
    database_url: str,
    owner: str,
    together: bool,
) -> None:
    """A connection breaks; its transaction commits only after the repetition has begun."""
    files = FileStorageRepository(database, LIMITS)
    record = a_record(owner=owner)
    created = [(record, a_creation(record))]
    lost = await asyncpg.connect(dsn(database_url))
    async with lost.transaction():
        await files._insert_together(lost, created)
        again = asyncio.create_task(
            files.insert_many(created) if together else files.insert(*created[0])
        )
        await blocked(database_url)
    await again
    await lost.close()

    assert (await usages.standing(owner)).usage == Usage(reserved=Amount(1, 5))
    assert await files.events(owner, record.id) == [a_creation(record)]


async def test_a_repetition_may_find_the_quota_filled_by_itself(
    database: Database, usages: PostgresUsageRepository, owner: str
) -> None:
    files = FileStorageRepository(database, Limits(files=1))
    record = a_record(owner=owner)
    for _ in range(2):
        await files.insert(record, a_creation(record))
        await files.insert_many([(record, a_creation(record))])

    assert (await usages.standing(owner)).usage == Usage(reserved=Amount(1, 5))
    assert await files.events(owner, record.id) == [a_creation(record)]


async def blocked(url: str, statements: int = 1) -> None:
    """Return once so many statements wait for other transactions."""
    waiting = """
        SELECT FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    async with asyncio.timeout(60):
        while len(await execute(url, waiting)) < statements:
            pass


async def test_a_recount_corrects(
    processes: list[FileStorageRepository],
    usages: PostgresUsageRepository,
    database_url: str,
    owner: str,
) -> None:
    record = a_record(owner=owner, file_size=30)
    await processes[0].insert(record, a_creation(record))
    await execute(
        database_url,
        f"UPDATE usages SET used_files = 3, reserved_bytes = -7 WHERE owner = '{owner}'",
    )

    assert await usages.recount(owner) == Usage(Amount(-3, 0), Amount(0, 37))
    assert (await usages.standing(owner)).usage == Usage(reserved=Amount(1, 30))


async def test_two_recounts_at_once_correct_once(
    database_url: str,
    repository: FileStorageRepository,
    usages: PostgresUsageRepository,
    owner: str,
) -> None:
    record = a_record(owner=owner)
    await repository.insert(record, a_creation(record))
    await execute(database_url, f"UPDATE usages SET used_files = 3 WHERE owner = '{owner}'")
    blocker = await asyncpg.connect(dsn(database_url))
    try:
        async with blocker.transaction():
            await blocker.execute("SELECT FROM usages WHERE owner = $1 FOR UPDATE", owner)
            recounts = [asyncio.create_task(usages.recount(owner)) for _ in range(2)]
            await blocked(database_url, statements=2)
    finally:
        await blocker.close()
    assert sorted(usage.used.files for usage in await asyncio.gather(*recounts)) == [-3, 0]
    assert (await usages.standing(owner)).usage == await really_held(database_url, owner)


async def test_a_recount_makes_a_missing_row(
    processes: list[FileStorageRepository],
    usages: PostgresUsageRepository,
    database_url: str,
    owner: str,
) -> None:
    record = a_record(owner=owner, status=FileStatus.PENDING)
    await processes[0].insert(record, a_creation(record))
    await execute(database_url, f"DELETE FROM usages WHERE owner = '{owner}'")

    assert await usages.owners(after=owner[:-1], limit=1) == [owner]
    assert await usages.recount(owner) == Usage(reserved=Amount(1, 5))
    assert (await usages.standing(owner)).usage == Usage(reserved=Amount(1, 5))


async def test_updates_of_a_busy_owner_touch_no_index(
    processes: list[FileStorageRepository], database_url: str, owner: str
) -> None:
    """HOT updates, thanks to the fillfactor: the index has one entry an owner."""
    for _ in range(200):
        record = a_record(owner=owner, file_size=0)
        await processes[0].insert(record, a_creation(record))
        await processes[0].move(record, dataclasses.replace(record, status=FileStatus.FAILED), [])
    [[_, hot]] = await execute(
        database_url,
        "SELECT pg_stat_force_next_flush(), n_tup_hot_upd::float / n_tup_upd"
        " FROM pg_stat_user_tables WHERE relname = 'usages'",
    )
    assert hot > 0.9
