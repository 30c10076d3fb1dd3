"""What PostgreSQL adds to the contract that the twins share (tests/contract)."""

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

import asyncpg
import pytest
import pytest_asyncio
import uuid_utils.compat
from sqlalchemy.engine import make_url

from app.database.config import Database
from app.database.engine import Connection
from app.database.failures import Interrupted
from app.database.leases import Lease
from app.database.models import FileModel
from app.domain.checksum import Checksum, ChecksumAlgorithm, ChecksumType
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.job import Job, JobName
from app.exceptions.errors import DatabaseUnavailable
from app.repository import file_storage_repository
from app.repository.file_storage_repository import FileStorageRepository
from tests.support.cable import Cable
from tests.support.databases import execute, opened
from tests.support.records import NOON, a_creation, a_record

T = TypeVar("T")

FEW = 100
"""Inserts that may wait where the limit is tried."""


@pytest.fixture
def owner() -> str:
    return f"owner-{uuid_utils.compat.uuid7()}"


def a_full_record(owner: str) -> FileRecord:
    """Every field set, each to something else."""
    times = [NOON + timedelta(microseconds=n) for n in range(1, 10)]
    return a_record(
        owner=owner,
        filename="Ünïcode 猫🐈‍⬛ \u202eمرحبا \\ \" ' %.png",
        method=UploadMethod.MULTIPART,
        status=FileStatus.FAILED,
        file_size=50 * 10**12,
        size_is_limit=True,
        metadata={"emoji 🧭": "\u2028 \\u0041 \x7f", "": "", "ключ": '{"json": [1]}'},
        checksum=Checksum(ChecksumAlgorithm.SHA256, "x" * 44),
        checksum_type=ChecksumType.COMPOSITE,
        part_size=5 * 1024**3,
        upload_id="2~a.b_c-d",
        status_reason="why → because",
        etag='abc"-2',
        version_id="v.1_",
        observed_size=2**62,
        created_at=times[0],
        updated_at=times[1],
        expires_at=times[2],
        ends_at=times[3],
        uploaded_at=times[4],
        processing_at=times[5],
        completed_at=times[6],
        failed_at=times[7],
        remove_at=times[8],
    )


async def insert_all(
    files: FileStorageRepository, records: list[FileRecord]
) -> list[BaseException | None]:
    return await asyncio.gather(
        *(files.insert(record, a_creation(record)) for record in records), return_exceptions=True
    )


async def count(database: Database, table: str) -> int:
    question = f"SELECT count(*) FROM {table}"
    return int(await database.run(lambda connection: connection.fetchval(question)))


async def test_every_field_comes_back(repository: FileStorageRepository, owner: str) -> None:
    record = a_full_record(owner)
    event = FileEvent(
        at=NOON,
        actor="user:🦊",
        event="transition",
        from_status=FileStatus.PENDING,
        to_status=FileStatus.FAILED,
        detail={"reasons": ["größe", 1, None, {"deep": True}], "url": "\U0001f680"},
    )
    unset = {name for name, value in dataclasses.asdict(record).items() if value is None}
    assert unset == {"deleted_at"}
    await repository.insert(record, event)

    assert await repository.find(owner, id=record.id) == record
    page = await repository.page(owner, status=None, policy=None, before=None, limit=1)
    assert page == [record]
    assert await repository.events(owner, record.id) == [event]


async def test_ids_are_plain_uuids(repository: FileStorageRepository, owner: str) -> None:
    """The driver's own subclass is unknown to some serialisers."""
    record = a_record(owner=owner)
    claim = IdempotencyClaim(owner, "k", "f", NOON)
    await repository.insert_once(claim, [(record, a_creation(record))])
    found = await repository.find(owner, id=record.id)
    listed = await repository.page(owner, status=None, policy=None, before=None, limit=1)
    earlier = await repository.insert_once(claim, [])

    assert found is not None
    assert earlier is not None
    assert {type(i) for i in (found.id, listed[0].id, earlier.file_ids[0])} == {uuid.UUID}


async def test_times_are_utc_whatever_the_server_or_the_caller_thinks(
    own_database_url: str, owner: str
) -> None:
    name = make_url(own_database_url).database
    await execute(own_database_url, f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'")
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-8)))
    async with opened(own_database_url) as database:
        files = FileStorageRepository(database)
        record = a_record(owner=owner, created_at=elsewhere)
        await files.insert(record, a_creation(record))
        found = await files.find(owner, id=record.id)
        [listed] = await files.page(owner, status=None, policy=None, before=None, limit=1)
        [event] = await files.events(owner, record.id) or []

    assert found is not None
    for at in (found.created_at, listed.created_at, event.at):
        assert at == NOON
        assert at.tzinfo is UTC
    assert isinstance(found.created_at, datetime)


async def test_many_inserts_share_their_commits(database: Database, owner: str) -> None:
    """Coalescing: far fewer statements than rows, in the server's own count."""
    files = FileStorageRepository(database)
    flushes = []
    run = database.run

    async def counting(work: Callable[[Connection], Awaitable[T]], **options: Any) -> T:
        flushes.append(work)
        return await run(work, **options)

    database.run = counting  # type: ignore[method-assign]
    try:
        assert await insert_all(files, [a_record(owner=owner) for _ in range(64)]) == [None] * 64
    finally:
        database.run = run  # type: ignore[method-assign]

    assert len(flushes) <= 16
    page = await files.page(owner, status=None, policy=None, before=None, limit=99)
    assert len(page) == 64


async def test_a_bad_row_fails_alone(repository: FileStorageRepository, owner: str) -> None:
    records = [a_record(owner=owner) for _ in range(12)]
    records[1] = dataclasses.replace(records[1], key=records[0].key)
    records[5] = dataclasses.replace(records[5], filename="nul \x00")
    records[9] = dataclasses.replace(records[9], file_size=-1)
    outcomes = await insert_all(repository, records)

    failed = {index: type(outcome) for index, outcome in enumerate(outcomes) if outcome}
    assert failed == {
        1: asyncpg.UniqueViolationError,
        5: asyncpg.CharacterNotInRepertoireError,
        9: asyncpg.CheckViolationError,
    }
    good = [record for index, record in enumerate(records) if index not in failed]
    for record in good:
        assert await repository.find(owner, id=record.id) == record
        assert await repository.events(owner, record.id) == [a_creation(record)]
    for index in failed:
        assert await repository.find(owner, id=records[index].id) is None


async def test_what_cannot_be_encoded_fails_alone(
    repository: FileStorageRepository, owner: str
) -> None:
    """Refused by the driver in the middle of a batch, after other rows have been sent."""
    records = [a_record(owner=owner, metadata={"pad": "x" * 9000}) for _ in range(8)]
    records[7] = dataclasses.replace(records[7], file_size=2**63)
    outcomes = await insert_all(repository, records)

    assert [type(outcome) for outcome in outcomes] == [type(None)] * 7 + [asyncpg.DataError]
    assert [await repository.find(owner, id=record.id) for record in records] == [
        *records[:7],
        None,
    ]


async def test_all_or_nothing(repository: FileStorageRepository, owner: str) -> None:
    records = [a_record(owner=owner) for _ in range(300)]
    records[299] = dataclasses.replace(records[299], key=records[0].key)
    with pytest.raises(asyncpg.UniqueViolationError):
        await repository.insert_many([(record, a_creation(record)) for record in records])

    assert await repository.find_all(owner, [record.id for record in records]) == []


async def test_a_claim_whose_files_fail_is_no_claim(
    repository: FileStorageRepository, owner: str
) -> None:
    bad, good = a_record(owner=owner, file_size=-1), a_record(owner=owner)
    claim = IdempotencyClaim(owner, "key", "f" * 64, NOON)
    with pytest.raises(asyncpg.CheckViolationError):
        await repository.insert_once(claim, [(bad, a_creation(bad))])

    assert await repository.insert_once(claim, [(good, a_creation(good))]) is None


async def test_a_lapsed_key_is_one_claimants_only(
    repository: FileStorageRepository, owner: str
) -> None:
    old = a_record(owner=owner)
    await repository.insert_once(
        IdempotencyClaim(owner, "key", "old", NOON), [(old, a_creation(old))]
    )
    later = IdempotencyClaim(owner, "key", "new", NOON + timedelta(days=2))
    records = [a_record(owner=owner) for _ in range(16)]
    uses = await asyncio.gather(
        *(repository.insert_once(later, [(record, a_creation(record))]) for record in records)
    )

    [winner] = [record for record, use in zip(records, uses, strict=True) if use is None]
    assert {use for use in uses if use} == {EarlierUse("new", (winner.id,))}


async def test_a_batch_under_one_key(repository: FileStorageRepository, owner: str) -> None:
    records = [a_record(owner=owner) for _ in range(50)]
    claim = IdempotencyClaim(owner, "key", "f", NOON)
    created = [(record, a_creation(record)) for record in records]
    await repository.insert_once(claim, created)

    earlier = await repository.insert_once(claim, created)
    assert earlier == EarlierUse("f", tuple(record.id for record in records))
    assert await repository.find_all(owner, earlier.file_ids) == records


class LosesAnswers(Database):
    """Commits, then loses the connection before the answer arrives, so many times."""

    losses = 0

    async def _attempt(self, work: Callable[[Lease], Awaitable[T]]) -> T:
        result = await super()._attempt(work)
        if self.losses:
            self.losses -= 1
            raise Interrupted
        return result


@pytest_asyncio.fixture
async def lossy(database_url: str) -> AsyncIterator[LosesAnswers]:
    database = LosesAnswers(database_url)
    await database.open()
    yield database
    await database.close()


async def test_an_insert_whose_answer_was_lost_is_not_doubled(
    lossy: LosesAnswers, owner: str
) -> None:
    files = FileStorageRepository(lossy)
    records = [a_record(owner=owner) for _ in range(5)]
    lossy.losses = 1
    assert await insert_all(files, records) == [None] * 5

    for record in records:
        assert await files.events(owner, record.id) == [a_creation(record)]


async def test_a_claim_whose_answer_was_lost_finds_itself(lossy: LosesAnswers, owner: str) -> None:
    files = FileStorageRepository(lossy)
    record = a_record(owner=owner)
    claim = IdempotencyClaim(owner, "key", "f", NOON)
    lossy.losses = 1

    earlier = await files.insert_once(claim, [(record, a_creation(record))])
    assert earlier == EarlierUse("f", (record.id,))
    assert await files.events(owner, record.id) == [a_creation(record)]


async def test_a_move_whose_answer_was_lost_is_not_taken_for_a_lost_race(
    lossy: LosesAnswers, owner: str
) -> None:
    files = FileStorageRepository(lossy)
    record = a_record(owner=owner)
    await files.insert(record, a_creation(record))
    lossy.losses = 1
    with pytest.raises(DatabaseUnavailable):
        await files.move(record, dataclasses.replace(record, status=FileStatus.FAILED), [])
    lossy.losses = 1
    with pytest.raises(DatabaseUnavailable):
        await files.append(record, a_creation(record))

    assert len(await files.events(owner, record.id) or []) == 2


async def test_an_outage_is_told_to_every_waiting_caller(database_url: str, owner: str) -> None:
    socket = f"{make_url(database_url).query['host']}/.s.PGSQL.5432"
    async with Cable(lambda: asyncio.open_unix_connection(socket)) as cable:
        url = make_url(database_url).set(query={}, host="127.0.0.1", port=cable.port)
        async with opened(url.render_as_string(hide_password=False)) as database:
            files = FileStorageRepository(database)
            before, during, after = ([a_record(owner=owner) for _ in range(40)] for _ in range(3))
            assert await insert_all(files, before) == [None] * 40
            await cable.cut()
            outcomes = await insert_all(files, during)
            assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
            await cable.mend()
            assert await insert_all(files, after) == [None] * 40

            page = await files.page(owner, status=None, policy=None, before=None, limit=200)
    assert page == [*reversed(after), *reversed(before)]


async def test_too_many_waiting_inserts_are_refused(
    database: Database, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_storage_repository, "MAX_WAITING", FEW)
    files = FileStorageRepository(database)
    blocker = asyncio.Event()
    run = database.run

    async def held(work: Callable[[Connection], Awaitable[T]], **options: Any) -> T:
        await blocker.wait()
        return await run(work, **options)

    database.run = held  # type: ignore[method-assign]
    record = a_record(owner=owner)  # the same one each time: it is written once
    callers = [
        asyncio.create_task(files.insert(record, a_creation(record))) for _ in range(FEW + 50)
    ]
    refused, waiting = await asyncio.wait(callers, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    database.run = run  # type: ignore[method-assign]
    blocker.set()
    await asyncio.gather(*waiting)

    assert {type(caller.exception()) for caller in refused} == {DatabaseUnavailable}
    assert len(waiting) >= FEW
    assert await files.events(owner, record.id) == [a_creation(record)]


async def test_cancelled_callers_harm_nobody(repository: FileStorageRepository, owner: str) -> None:
    records = [a_record(owner=owner) for _ in range(60)]
    callers = [
        asyncio.create_task(repository.insert(record, a_creation(record))) for record in records
    ]
    await asyncio.sleep(0)
    for caller in callers[::3]:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)

    for index, record in enumerate(records):
        if index % 3:
            assert await repository.find(owner, id=record.id) == record


async def test_a_move_changes_what_may_change_and_nothing_else(
    repository: FileStorageRepository, owner: str
) -> None:
    before = a_record(owner=owner)
    await repository.insert(before, a_creation(before))
    after = dataclasses.replace(
        a_full_record(owner), id=before.id, key="other", method=UploadMethod.POST
    )
    assert await repository.move(before, after, []) is True

    declared = ("key", "filename", "type", "method", "policy", "created_at")
    declared += ("metadata", "checksum", "checksum_type", "part_size")
    unchanged = {name: getattr(before, name) for name in declared}
    assert await repository.find(owner, id=before.id) == dataclasses.replace(after, **unchanged)


async def test_a_url_may_be_renewed_while_the_status_stays(
    repository: FileStorageRepository, owner: str
) -> None:
    before = a_record(owner=owner)
    await repository.insert(before, a_creation(before))
    renewed = dataclasses.replace(before, ends_at=NOON + timedelta(days=1))
    event = FileEvent(at=NOON, actor="user:a", event="url_issued")

    assert await repository.move(before, renewed, [event]) is True
    assert await repository.find(owner, id=before.id) == renewed
    assert await repository.events(owner, before.id) == [a_creation(before), event]


async def test_nobody_moves_anothers_file(repository: FileStorageRepository, owner: str) -> None:
    record = a_record(owner=owner)
    await repository.insert(record, a_creation(record))
    stolen = dataclasses.replace(record, owner="mallory")
    failed = dataclasses.replace(stolen, status=FileStatus.FAILED)

    assert await repository.move(stolen, failed, [a_creation(record)]) is False
    assert await repository.find(owner, id=record.id) == record
    assert await repository.events(owner, record.id) == [a_creation(record)]


async def test_a_move_whose_event_is_refused_leaves_the_record(
    repository: FileStorageRepository, owner: str
) -> None:
    record = a_record(owner=owner)
    await repository.insert(record, a_creation(record))
    failed = dataclasses.replace(record, status=FileStatus.FAILED)
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await repository.move(record, failed, [FileEvent(at=NOON, actor="\x00", event="x")])

    assert await repository.find(owner, id=record.id) == record


async def test_find_asks_for_an_id_or_a_key(repository: FileStorageRepository, owner: str) -> None:
    record = a_record(owner=owner)
    await repository.insert(record, a_creation(record))

    assert await repository.find(owner, key="no such key") is None
    assert await repository.find(owner, id=uuid.uuid4()) is None
    assert await repository.find(owner) is None


async def test_ormar_administers_the_same_rows(
    database: Database, repository: FileStorageRepository, owner: str
) -> None:
    record = a_full_record(owner)
    await repository.insert(record, a_creation(record))

    async def rename(_: Connection) -> FileModel:
        row = await FileModel.objects.get(id=record.id)
        await row.update(policy="archive")
        return row

    row = await database.run(rename)
    assert (row.metadata, row.created_at) == (record.metadata, record.created_at)
    found = await repository.find(owner, id=record.id)
    assert found == dataclasses.replace(record, policy="archive")


async def test_no_job_waits_for_a_look(own_database_url: str, owner: str) -> None:
    """Neither by its place in the queue nor by the lock of its file."""
    record = a_record(owner=owner)
    later = datetime.now(UTC) + timedelta(hours=1)
    async with opened(own_database_url) as database:
        repository = FileStorageRepository(database)
        await repository.insert(record, a_creation(record))
        await repository.defer([Job(name=JobName.LOOK, file_id=uuid.uuid4())])
        await repository.defer([Job(name=JobName.LOOK, file_id=record.id, at=later)])
        await repository.defer([Job(name=JobName.DISCARD, file_id=record.id)])
    fetched = """
        WITH worker AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)
        SELECT (procrastinate_fetch_job_v2(ARRAY['files'], id)).task_name FROM worker
    """
    assert await execute(own_database_url, fetched) == [("discard",)]
