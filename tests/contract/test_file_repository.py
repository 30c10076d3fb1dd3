"""What every FileRepository does, the in-memory twin and PostgreSQL alike."""

import asyncio
import dataclasses
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import uuid_utils.compat

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.job import Job, JobName
from app.domain.ports import FileRepository
from app.domain.transition import moved
from tests.fakes.file_repository import InMemoryFileRepository
from tests.support.databases import deferred_jobs
from tests.support.records import NOON, a_creation, a_record


@pytest.fixture(params=["memory", "postgresql"])
def files(request: pytest.FixtureRequest) -> FileRepository:
    if request.param == "memory":
        return InMemoryFileRepository()
    repository: FileRepository = request.getfixturevalue("repository")
    return repository


@pytest.fixture
def owner() -> str:
    """Nobody else's files in this test's lists, whatever the database holds."""
    return f"owner-{uuid_utils.compat.uuid7()}"


async def stored(files: FileRepository, record: FileRecord) -> FileRecord:
    await files.insert(record, a_creation(record))
    return record


_eras = itertools.count(1)


@pytest.fixture
def era() -> datetime:
    """A time long before that of all other tests, earlier from test to test."""
    return NOON - timedelta(days=365 * next(_eras))


def a_multipart(**changes: object) -> FileRecord:
    return a_record(method=UploadMethod.MULTIPART, part_size=5 * 1024**2, **changes)


def claim(owner: str, fingerprint: str = "f" * 64, **changes: object) -> IdempotencyClaim:
    return dataclasses.replace(IdempotencyClaim(owner, "key-1", fingerprint, NOON), **changes)


async def test_a_record_comes_back_as_it_was(files: FileRepository, owner: str) -> None:
    record = a_record(
        owner=owner,
        filename="猫 🐈 مرحبا.png",
        metadata={"album": "ünïcode"},
        checksum=Checksum(ChecksumAlgorithm.CRC32, "AAAAAA=="),
        file_size=5 * 1024**4,
    )
    await stored(files, record)

    assert await files.find(owner, id=record.id) == record
    assert await files.find(owner, key=record.key) == record


async def test_its_creation_is_the_first_event(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))

    assert await files.events(owner, record.id) == [a_creation(record)]


async def test_another_owner_finds_nothing(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))

    assert await files.find("mallory", id=record.id) is None
    assert await files.find("mallory", key=record.key) is None
    assert await files.find_all("mallory", [record.id]) == []
    assert await files.events("mallory", record.id) is None
    assert await files.page("mallory", status=None, policy=None, before=None, limit=9) == []


async def test_many_are_inserted_together(files: FileRepository, owner: str) -> None:
    records = [a_record(owner=owner) for _ in range(1000)]
    await files.insert_many([(record, a_creation(record)) for record in records])

    ids = [record.id for record in reversed(records)]
    assert await files.find_all(owner, ids) == list(reversed(records))


async def test_a_move_replaces_the_record_and_appends(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    path = (FileStatus.UPLOADED, FileStatus.COMPLETED)
    seen = dataclasses.replace(record, etag="abc", version_id="v1", observed_size=5)
    after, events = moved(seen, path, "user:a", NOON + timedelta(seconds=3))

    assert await files.move(record, after, events) is True
    assert await files.find(owner, id=record.id) == after
    assert await files.events(owner, record.id) == [a_creation(record), *events]


async def test_of_many_moves_at_once_one_wins(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    targets = [FileStatus.UPLOADED, FileStatus.FAILED] * 16

    async def attempt(target: FileStatus) -> bool:
        after, events = moved(record, (target,), "user:a", NOON)
        return await files.move(record, after, events)

    won = await asyncio.gather(*(attempt(target) for target in targets))

    assert sum(won) == 1
    found = await files.find(owner, id=record.id)
    assert found is not None
    assert found.status is targets[won.index(True)]
    assert len(await files.events(owner, record.id) or []) == 2


async def test_a_deleted_record_is_gone(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    event = FileEvent(at=NOON, actor="user:a", event="deleted")
    deleted = dataclasses.replace(record, deleted_at=NOON)

    assert await files.move(record, deleted, [event]) is True
    assert await files.move(record, deleted, [event]) is False
    assert await files.find(owner, id=record.id) is None
    assert await files.find_all(owner, [record.id]) == []
    assert await files.events(owner, record.id) is None
    assert await files.page(owner, status=None, policy=None, before=None, limit=9) == []


async def test_append_adds_without_moving(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    event = FileEvent(at=NOON, actor="user:a", event="url_issued", detail={"method": "GET"})
    await files.append(record, event)

    assert await files.events(owner, record.id) == [a_creation(record), event]
    assert await files.find(owner, id=record.id) == record


async def test_a_move_may_settle_the_size(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner, file_size=100, size_is_limit=True))
    assert await files.find(owner, id=record.id) == record
    seen = dataclasses.replace(record, file_size=7, size_is_limit=False, observed_size=7)
    after, events = moved(seen, (FileStatus.UPLOADED,), "user:a", NOON)

    assert await files.move(record, after, events) is True
    assert await files.find(owner, id=record.id) == after


async def test_a_trail_has_pages_too(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    for number in range(4):
        event = FileEvent(at=NOON, actor="user:a", event=f"e{number}")
        await files.append(record, event)

    first = await files.events(owner, record.id, after=0, limit=3) or []
    last = first[-1].id
    assert last is not None
    rest = await files.events(owner, record.id, after=last, limit=3) or []

    assert [e.event for e in first + rest] == ["created", "e0", "e1", "e2", "e3"]


async def test_pages_follow_one_another(files: FileRepository, owner: str) -> None:
    records = [await stored(files, a_record(owner=owner)) for _ in range(5)]
    newest_first = list(reversed(records))

    first = await files.page(owner, status=None, policy=None, before=None, limit=3)
    rest = await files.page(owner, status=None, policy=None, before=first[-1].id, limit=3)

    assert first + rest == newest_first


async def test_pages_are_filtered(files: FileRepository, owner: str) -> None:
    plain = await stored(files, a_record(owner=owner))
    avatar = await stored(files, a_record(owner=owner, policy="avatar"))
    failed = await stored(files, a_record(owner=owner, status=FileStatus.FAILED))

    async def ids(status: FileStatus | None, policy: str | None) -> list[object]:
        rows = await files.page(owner, status=status, policy=policy, before=None, limit=9)
        return [row.id for row in rows]

    assert await ids(FileStatus.PENDING, None) == [avatar.id, plain.id]
    assert await ids(None, "avatar") == [avatar.id]
    assert await ids(FileStatus.FAILED, "default") == [failed.id]


async def test_names_are_searched_a_window_at_a_time(files: FileRepository, owner: str) -> None:
    names = ("Report 100%.pdf", "cat.png", "re_port", "report.txt", "dog.png")
    old, cat, second, newest, _ = [
        await stored(files, a_record(owner=owner, filename=name)) for name in names
    ]
    await stored(files, a_record(owner=f"{owner}-2", filename="report.txt"))

    async def found(
        text: str, before: UUID | None = None, status: FileStatus | None = None, **more: int
    ) -> tuple[list[str], UUID | None]:
        asked = {"limit": 9, "window": 9} | more
        rows, until = await files.search(
            owner, text, status=status, policy=None, before=before, **asked
        )
        return [row.filename for row in rows], until

    assert await found("REPORT") == (["report.txt", "Report 100%.pdf"], None)
    assert await found("report", limit=1) == (["report.txt"], None)
    assert await found("report", before=newest.id) == (["Report 100%.pdf"], None)
    assert await found("report", window=3) == (["report.txt"], second.id)
    assert await found("report", before=second.id, window=2) == (["Report 100%.pdf"], old.id)
    assert await found("report", before=old.id) == ([], None)
    assert await found("report", status=FileStatus.FAILED) == ([], None)
    assert [await found(text) for text in ("0%", "e_p", "%", "_")] == [
        (["Report 100%.pdf"], None),
        (["re_port"], None),
        (["Report 100%.pdf"], None),
        (["re_port"], None),
    ]
    assert await found("cat.png", before=cat.id) == ([], None)


async def test_a_key_is_used_once(files: FileRepository, owner: str) -> None:
    record, again = a_record(owner=owner), a_record(owner=owner)

    assert await files.insert_once(claim(owner), [(record, a_creation(record))]) is None
    earlier = await files.insert_once(claim(owner, "e" * 64), [(again, a_creation(again))])

    assert earlier == EarlierUse("f" * 64, (record.id,))
    assert await files.find(owner, id=again.id) is None


async def test_a_key_is_the_owners_own(files: FileRepository, owner: str) -> None:
    mine, theirs = a_record(owner=owner), a_record(owner=owner + "2")

    assert await files.insert_once(claim(owner), [(mine, a_creation(mine))]) is None
    assert await files.insert_once(claim(owner + "2"), [(theirs, a_creation(theirs))]) is None


async def test_a_key_lapses_after_a_day(files: FileRepository, owner: str) -> None:
    first, second, third = (a_record(owner=owner) for _ in range(3))
    later = claim(owner, at=NOON + timedelta(hours=24, seconds=1))
    within = claim(owner, at=NOON + timedelta(hours=24))
    await files.insert_once(claim(owner), [(first, a_creation(first))])

    assert await files.insert_once(within, [(second, a_creation(second))]) is not None
    assert await files.insert_once(later, [(third, a_creation(third))]) is None


async def test_of_sixteen_claims_at_once_one_wins(files: FileRepository, owner: str) -> None:
    records = [a_record(owner=owner) for _ in range(16)]
    uses = await asyncio.gather(
        *(files.insert_once(claim(owner), [(r, a_creation(r))]) for r in records)
    )

    won = [record for record, use in zip(records, uses, strict=True) if use is None]
    assert len(won) == 1
    assert {use.file_ids for use in uses if use} == {(won[0].id,)}
    assert await files.page(owner, status=None, policy=None, before=None, limit=99) == won


Deferred = Callable[[FileRecord], Awaitable[list[Job]]]


@pytest.fixture
def deferred(files: FileRepository, request: pytest.FixtureRequest) -> Deferred:
    """The jobs that wait for a file."""

    async def of(record: FileRecord) -> list[Job]:
        if isinstance(files, InMemoryFileRepository):
            return [job for job in files.jobs if job.file_id == record.id]
        return await deferred_jobs(request.getfixturevalue("database_url"), record.id)

    return of


def event_of(name: str, at: datetime = NOON) -> FileEvent:
    return FileEvent(at=at, actor="user:a", event=name)


async def test_a_move_defers_its_jobs(
    files: FileRepository, deferred: Deferred, owner: str
) -> None:
    record = await stored(files, a_record(owner=owner))
    failed = dataclasses.replace(record, status=FileStatus.FAILED)
    jobs = [
        Job(name=JobName.DISCARD, file_id=record.id),
        Job(name=JobName.DELETE, file_id=record.id, at=NOON + timedelta(minutes=1)),
    ]

    assert await files.move(record, failed, [event_of("x")], jobs) is True
    assert await deferred(record) == jobs


async def test_a_move_that_loses_defers_nothing(
    files: FileRepository, deferred: Deferred, owner: str
) -> None:
    record = await stored(files, a_record(owner=owner, status=FileStatus.UPLOADED))
    stale = dataclasses.replace(record, status=FileStatus.PENDING)
    job = Job(name=JobName.DISCARD, file_id=record.id)

    assert await files.move(stale, stale, [event_of("x")], [job]) is False
    assert await deferred(record) == []


async def test_jobs_come_alone(files: FileRepository, deferred: Deferred, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    job = Job(name=JobName.LOOK, file_id=record.id, at=NOON)
    await files.defer([job])
    await files.defer([])

    assert await deferred(record) == [job]
    assert await files.events(owner, record.id) == [a_creation(record)]


async def test_jobs_come_with_an_event(
    files: FileRepository, deferred: Deferred, owner: str
) -> None:
    record = await stored(files, a_record(owner=owner))
    job = Job(name=JobName.DELETE, file_id=record.id, at=NOON)
    await files.append(record, event_of("delete_requested"), [job])

    assert await deferred(record) == [job]
    assert await files.events(owner, record.id) == [
        a_creation(record),
        event_of("delete_requested"),
    ]


@pytest.mark.parametrize(
    "changes",
    [{"status": FileStatus.UPLOADED}, {"ends_at": NOON}, {"upload_id": "other"}],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_move_compares(
    files: FileRepository, owner: str, changes: dict[str, object]
) -> None:
    record = await stored(files, a_multipart(owner=owner, upload_id="mine"))
    seen = dataclasses.replace(record, **changes)

    assert await files.move(seen, dataclasses.replace(seen, etag="x"), [event_of("x")]) is False
    assert await files.find(owner, id=record.id) == record
    assert await files.events(owner, record.id) == [a_creation(record)]


async def test_of_two_store_uploads_one_is_attached(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_multipart(owner=owner))
    first, second = (dataclasses.replace(record, upload_id=name) for name in ("first", "second"))

    assert await files.move(record, first, []) is True
    assert await files.move(record, second, []) is False
    assert await files.find(owner, id=record.id) == first


async def test_an_end_is_only_ever_put_off(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner))
    hours = [timedelta(hours=n) for n in (3, 1, 2)]

    for later in hours:
        event = event_of("url_issued", NOON + later / 100)
        extended = await files.extend(
            record,
            expires_at=record.expires_at + later,
            ends_at=record.ends_at + later,
            event=event,
        )
        assert extended is True

    assert await files.find(owner, id=record.id) == dataclasses.replace(
        record,
        expires_at=record.expires_at + hours[0],
        ends_at=record.ends_at + hours[0],
        updated_at=NOON + hours[0] / 100,
    )
    assert len(await files.events(owner, record.id) or []) == 4


async def test_what_has_ended_is_not_extended(files: FileRepository, owner: str) -> None:
    ended = await stored(files, a_record(owner=owner))
    moved_on = await stored(files, a_record(owner=owner, status=FileStatus.UPLOADED))
    deleted = await stored(files, a_record(owner=owner, deleted_at=NOON))

    for record, at in ((ended, ended.ends_at), (moved_on, NOON), (deleted, NOON)):
        later = record.ends_at + timedelta(hours=1)
        event = event_of("url_issued", at)
        assert await files.extend(record, expires_at=later, ends_at=later, event=event) is False
        assert await files.load(record.id) == record
    assert await files.events(owner, ended.id) == [a_creation(ended)]


async def test_a_deleted_record_can_be_loaded(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner, deleted_at=NOON))

    assert await files.load(record.id) == record
    assert await files.load(uuid_utils.compat.uuid7()) is None


async def test_due_records_come_in_the_order_of_their_ends(
    files: FileRepository, owner: str, era: datetime
) -> None:
    second = timedelta(seconds=1)
    late = await stored(files, a_record(owner=owner, ends_at=era))
    early = await stored(files, a_record(owner=owner, ends_at=era - second))
    too = await stored(files, a_record(owner=owner, ends_at=era))
    await stored(files, a_record(owner=owner, ends_at=era + second))
    await stored(files, a_record(owner=owner, ends_at=era, status=FileStatus.UPLOADED))
    await stored(files, a_record(owner=owner, ends_at=era, deleted_at=NOON))

    assert await files.due(era, limit=9) == [early, late, too]
    assert await files.due(era, limit=2) == [early, late]
    assert await files.due(era, after=late, limit=2) == [too]
    assert await files.due(era, after=too, limit=2) == []


async def test_due_removals_come_in_the_order_of_their_times(
    files: FileRepository, owner: str, era: datetime
) -> None:
    def removable(at: datetime, **changes: object) -> FileRecord:
        return a_record(owner=owner, remove_at=at, **{"status": FileStatus.FAILED, **changes})

    second = timedelta(seconds=1)
    late = await stored(files, removable(era))
    early = await stored(files, removable(era - second))
    deleted = await stored(files, removable(era, status=FileStatus.COMPLETED, deleted_at=NOON))
    await stored(files, removable(era + second))
    await stored(files, a_record(owner=owner, status=FileStatus.FAILED))

    assert await files.due_removals(era, limit=9) == [early, late, deleted]
    assert await files.due_removals(era, after=early, limit=1) == [late]
    assert await files.due_removals(era, after=late, limit=9) == [deleted]


async def test_a_removal_is_put_off_or_done(
    files: FileRepository, owner: str, era: datetime
) -> None:
    record = await stored(files, a_record(owner=owner, status=FileStatus.FAILED, remove_at=era))
    later = era + timedelta(hours=1)
    await files.put_off_removal(record, later)
    await files.put_off_removal(record, None)  # seen before the other change
    changed = dataclasses.replace(record, remove_at=later)
    assert await files.load(record.id) == changed

    await files.put_off_removal(changed, None)
    assert await files.load(record.id) == dataclasses.replace(record, remove_at=None)


async def test_a_living_file_is_given_no_removal(files: FileRepository, owner: str) -> None:
    record = await stored(files, a_record(owner=owner, status=FileStatus.COMPLETED))
    await files.put_off_removal(record, NOON)

    assert await files.load(record.id) == record


async def test_old_claims_are_forgotten_in_batches(
    files: FileRepository, owner: str, era: datetime
) -> None:
    for number in range(5):
        at = era + timedelta(hours=number)
        await files.insert_once(claim(owner, key=f"key-{number}", at=at), [])

    before = era + timedelta(hours=3)
    assert [await files.forget_claims(before, limit=2) for _ in range(3)] == [2, 1, 0]
    assert await files.insert_once(claim(owner, key="key-3", at=before), []) is not None
    assert await files.insert_once(claim(owner, key="key-2", at=before), []) is None
