"""What every FileRepository does, the in-memory twin and PostgreSQL alike."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
import uuid_utils.compat

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.ports import FileRepository
from app.domain.transition import moved
from tests.fakes.file_repository import InMemoryFileRepository
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
