"""What every pair of repositories does about quotas, the in-memory twins and PostgreSQL alike."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import uuid_utils.compat

from app.database.config import Database
from app.domain.file import FileRecord, FileStatus
from app.domain.idempotency import IdempotencyClaim
from app.domain.ports import FileRepository, UsageRepository
from app.domain.usage import Amount, Limits, Quota, Standing, Usage
from app.exceptions.errors import QuotaExceeded
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.usage_repository import PostgresUsageRepository
from tests.fakes.file_repository import InMemoryFileRepository
from tests.fakes.usage_repository import InMemoryUsageRepository
from tests.support.records import NOON, a_creation, a_record

DEFAULT = Limits(bytes=100, files=4, in_flight_bytes=60)


@dataclass(frozen=True)
class Pair:
    files: FileRepository
    usages: UsageRepository

    async def store(self, *records: FileRecord) -> None:
        await self.files.insert_many([(record, a_creation(record)) for record in records])

    async def usage(self, owner: str) -> Usage:
        return (await self.usages.standing(owner)).usage


PairUnder = Callable[[Limits], Pair]


@pytest.fixture(params=["memory", "postgresql"])
def pair_under(request: pytest.FixtureRequest) -> PairUnder:
    def in_memory(default: Limits) -> Pair:
        files = InMemoryFileRepository(default)
        return Pair(files, InMemoryUsageRepository(files))

    if request.param == "memory":
        return in_memory
    database: Database = request.getfixturevalue("database")

    def in_postgresql(default: Limits) -> Pair:
        files = FileStorageRepository(database, default)
        return Pair(files, PostgresUsageRepository(database, default))

    return in_postgresql


@pytest.fixture
def pair(pair_under: PairUnder) -> Pair:
    return pair_under(DEFAULT)


@pytest.fixture
def owner() -> str:
    return f"owner-{uuid_utils.compat.uuid7()}"


def used(files: int, size: int) -> Usage:
    return Usage(used=Amount(files, size))


def reserved(files: int, size: int) -> Usage:
    return Usage(reserved=Amount(files, size))


async def test_nobody_holds_nothing(pair: Pair, owner: str) -> None:
    assert await pair.usages.standing(owner) == Standing(Usage(), DEFAULT)


@pytest.mark.parametrize("together", [False, True])
async def test_a_new_record_reserves(pair: Pair, owner: str, together: bool) -> None:
    records = [a_record(owner=owner, file_size=size) for size in (5, 7)]
    if together:
        await pair.store(*records)
    else:
        for record in records:
            await pair.files.insert(record, a_creation(record))

    assert await pair.usage(owner) == reserved(2, 12)


async def test_each_owner_holds_their_own(pair: Pair, owner: str) -> None:
    await pair.store(a_record(owner=owner), a_record(owner=f"{owner}-2"), a_record(owner=owner))

    assert await pair.usage(owner) == reserved(2, 10)
    assert await pair.usage(f"{owner}-2") == reserved(1, 5)


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ([FileStatus.UPLOADED], used(1, 5)),
        ([FileStatus.UPLOADED, FileStatus.PROCESSING], used(1, 5)),
        ([FileStatus.UPLOADED, FileStatus.COMPLETED], used(1, 5)),
        ([FileStatus.FAILED], Usage()),
        ([FileStatus.UPLOADED, FileStatus.FAILED], Usage()),
    ],
)
async def test_a_move_settles(pair: Pair, owner: str, path: list[FileStatus], holds: Usage) -> None:
    other, record = a_record(owner=owner), a_record(owner=owner)
    await pair.store(other, record)
    for status in path:
        after = dataclasses.replace(record, status=status)
        assert await pair.files.move(record, after, []) is True
        record = after

    assert await pair.usage(owner) == holds + reserved(1, 5)


@pytest.mark.parametrize("status", FileStatus)
async def test_a_deletion_gives_everything_back(pair: Pair, owner: str, status: FileStatus) -> None:
    record = a_record(owner=owner)
    await pair.store(record)
    if status is not FileStatus.PENDING:
        before, record = record, dataclasses.replace(record, status=status)
        await pair.files.move(before, record, [])
    deleted = dataclasses.replace(record, deleted_at=NOON)

    assert await pair.files.move(record, deleted, []) is True
    assert await pair.usage(owner) == Usage()


async def test_a_move_that_loses_settles_nothing(pair: Pair, owner: str) -> None:
    record = a_record(owner=owner)
    await pair.store(record)
    failed = dataclasses.replace(record, status=FileStatus.FAILED)
    results = [await pair.files.move(record, failed, []) for _ in range(2)]

    assert results == [True, False]
    assert await pair.usage(owner) == Usage()


async def refused(pair: Pair, *records: FileRecord) -> QuotaExceeded:
    """The refusal of `records`, which is the same alone, together and under a key."""
    created = [(record, a_creation(record)) for record in records]
    before = await pair.usage(records[0].owner)
    claim = IdempotencyClaim(records[0].owner, "refused", "f", NOON)
    with pytest.raises(QuotaExceeded) as together:
        await pair.files.insert_many(created)
    with pytest.raises(QuotaExceeded) as once:
        await pair.files.insert_once(claim, created)
    if len(records) == 1:
        with pytest.raises(QuotaExceeded) as alone:
            await pair.files.insert(*created[0])
        assert alone.value.extra == together.value.extra
    assert once.value.extra == together.value.extra

    assert await pair.usage(records[0].owner) == before
    ids = [record.id for record in records]
    assert await pair.files.find_all(records[0].owner, ids) == []
    return together.value


async def test_bytes_are_exhausted_to_the_last(pair: Pair, owner: str) -> None:
    first = a_record(owner=owner, file_size=60)
    await pair.store(first)
    await pair.files.move(first, dataclasses.replace(first, status=FileStatus.UPLOADED), [])
    await pair.store(a_record(owner=owner, file_size=39))

    error = await refused(pair, a_record(owner=owner, file_size=2))
    assert error.extra == {"quota": Quota.BYTES, "limit": 100, "used": 60, "reserved": 39}
    await pair.store(a_record(owner=owner, file_size=1))
    assert await pair.usage(owner) == used(1, 60) + reserved(2, 40)


async def test_files_are_exhausted_to_the_last(pair: Pair, owner: str) -> None:
    await pair.store(*(a_record(owner=owner) for _ in range(3)))

    error = await refused(pair, a_record(owner=owner), a_record(owner=owner))
    assert error.extra == {"quota": Quota.FILES, "limit": 4, "used": 0, "reserved": 3}
    await pair.store(a_record(owner=owner))
    await refused(pair, a_record(owner=owner, file_size=0))


async def test_bytes_in_flight_are_exhausted_to_the_last(pair: Pair, owner: str) -> None:
    first = a_record(owner=owner, file_size=60)
    await pair.store(first)

    error = await refused(pair, a_record(owner=owner, file_size=1))
    assert error.extra == {"quota": Quota.IN_FLIGHT_BYTES, "limit": 60, "used": 0, "reserved": 60}
    await pair.files.move(first, dataclasses.replace(first, status=FileStatus.UPLOADED), [])
    await pair.store(a_record(owner=owner, file_size=1))


async def test_a_first_file_may_be_too_much(pair: Pair, owner: str) -> None:
    error = await refused(pair, a_record(owner=owner, file_size=61))

    assert error.extra["used"] == error.extra["reserved"] == 0


async def test_what_was_refused_may_come_back(pair: Pair, owner: str) -> None:
    first, second = (a_record(owner=owner, file_size=60) for _ in range(2))
    await pair.store(first)
    await refused(pair, second)
    await pair.files.move(first, dataclasses.replace(first, status=FileStatus.FAILED), [])
    claim = IdempotencyClaim(owner, "refused", "f", NOON)

    assert await pair.files.insert_once(claim, [(second, a_creation(second))]) is None
    assert await pair.usage(owner) == reserved(1, 60)


async def test_a_repeated_key_reserves_once(pair: Pair, owner: str) -> None:
    claim = IdempotencyClaim(owner, "key", "f", NOON)
    for _ in range(3):
        record = a_record(owner=owner, file_size=50)
        await pair.files.insert_once(claim, [(record, a_creation(record))])

    assert await pair.usage(owner) == reserved(1, 50)


async def test_limits_of_ones_own(pair: Pair, owner: str) -> None:
    own = Limits(bytes=200, files=None, in_flight_bytes=150)
    await pair.usages.set_limits(owner, own)
    await pair.store(*(a_record(owner=owner, file_size=30) for _ in range(5)))

    standing = await pair.usages.standing(owner)
    assert standing == Standing(reserved(5, 150), own, overridden=True)
    assert (await refused(pair, a_record(owner=owner, file_size=1))).extra["limit"] == 150

    await pair.usages.set_limits(owner, None)
    assert await pair.usages.standing(owner) == Standing(reserved(5, 150), DEFAULT)
    assert (await refused(pair, a_record(owner=owner, file_size=0))).extra["limit"] == 100


async def test_unlimited_owners(pair_under: PairUnder, pair: Pair, owner: str) -> None:
    await pair.usages.set_limits(owner, Limits())
    await pair.store(a_record(owner=owner, file_size=50 * 10**12))
    anybody = pair_under(Limits())
    await anybody.store(a_record(owner=f"{owner}-2", file_size=50 * 10**12))
    await anybody.usages.set_limits(f"{owner}-2", Limits(files=1))

    assert (await refused(anybody, a_record(owner=f"{owner}-2"))).extra["quota"] == Quota.FILES


async def test_a_limit_of_zero(pair: Pair, owner: str) -> None:
    await pair.usages.set_limits(owner, Limits(files=0))

    assert (await refused(pair, a_record(owner=owner, file_size=0))).extra["limit"] == 0


async def test_a_limit_below_the_usage_hinders_no_settlement(pair: Pair, owner: str) -> None:
    stays, fails = (a_record(owner=owner, file_size=25) for _ in range(2))
    await pair.store(stays, fails)
    await pair.usages.set_limits(owner, Limits(bytes=1, files=0, in_flight_bytes=0))
    assert await pair.files.move(stays, dataclasses.replace(stays, status=FileStatus.UPLOADED), [])
    assert await pair.files.move(fails, dataclasses.replace(fails, status=FileStatus.FAILED), [])

    assert await pair.usage(owner) == used(1, 25)


async def test_owners_come_in_pages(pair: Pair, owner: str) -> None:
    names = [f"{owner}-{letter}" for letter in "abcd"]
    await pair.store(*(a_record(owner=name) for name in names[:3]))
    await pair.usages.set_limits(names[3], Limits())
    rest = await pair.usages.owners(after=names[1], limit=2)

    assert (await pair.usages.owners(after=owner, limit=2), rest) == (names[:2], names[2:])


async def test_what_is_right_needs_no_correction(pair: Pair, owner: str) -> None:
    await pair.store(a_record(owner=owner))

    assert await pair.usages.recount(owner) == Usage()
    assert await pair.usage(owner) == reserved(1, 5)
