"""What operators see of all owners, over HTTP."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import uuid_utils.compat
from structlog.testing import capture_logs

from app.database.config import Database
from app.domain.event import user as by_user
from app.domain.file import FileRecord, FileStatus
from app.domain.principal import Principal
from app.domain.transition import moved
from app.domain.webhook import Delivery, Outcome, after_attempt
from app.exceptions.errors import Forbidden, StorageUnavailable
from app.repository import oversight_repository
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.webhook_repository import PostgresWebhookRepository
from app.worker.probes import create_probes
from tests.support.databases import execute
from tests.support.records import a_creation, a_record, id_made_at
from tests.support.service import User
from tests.support.workers import defer

FAILED = FileStatus.FAILED
NOBODY = UUID("01990000-0000-7000-8000-000000000000")
"""In the names of tests, which are the same in every process that runs some of them."""
SIZE = "size is 4 bytes, declared 5"

ROUTES = [
    ("GET", "/admin/files"),
    ("GET", f"/admin/files/{NOBODY}"),
    ("GET", f"/admin/files/{NOBODY}/events"),
    ("GET", "/admin/failures"),
    ("GET", "/admin/outcomes"),
    ("GET", "/admin/owners"),
    ("GET", "/admin/webhooks"),
    ("GET", f"/admin/webhooks/{NOBODY}/deliveries"),
    ("POST", f"/admin/webhooks/{NOBODY}/deliveries/msg_{NOBODY.hex}/replay"),
    ("GET", "/admin/jobs"),
    ("POST", "/admin/jobs/1/retry"),
    ("POST", "/admin/jobs/retry"),
    ("GET", "/admin/backlog"),
    ("GET", "/admin/health"),
]


@pytest_asyncio.fixture(autouse=True)
async def _empty(database: Database) -> None:
    tables = "files, file_events, usages, webhooks, webhook_deliveries, procrastinate_jobs"
    await database.ask(lambda c: c.execute(f"TRUNCATE {tables} CASCADE"))


@pytest.fixture
def admin(user: User) -> User:
    return User(user.api, "the operator")


async def asked(admin: User, path: str, *, code: int = 200, **params: Any) -> dict[str, Any]:
    answer = await admin.call("GET", path, scope="admin", params=params)
    assert answer.status_code == code, answer.text
    return dict(answer.json())


async def walked(admin: User, path: str, **params: Any) -> list[dict[str, Any]]:
    """All pages, two items at most on each."""
    page = await asked(admin, path, limit=2, **params)
    items: list[dict[str, Any]] = page["items"]
    while page["next_cursor"] is not None:
        page = await asked(admin, path, limit=2, cursor=page["next_cursor"], **params)
        items += page["items"]
        assert len(page["items"]) <= 2
    return items


async def held(
    repository: FileStorageRepository, owner: str, status: str = "pending", words: str | None = None
) -> FileRecord:
    """A file that has come to that state from `pending`."""
    record = a_record(owner=owner)
    await repository.insert(record, a_creation(record))
    if status == "pending":
        return record
    now = datetime.now(UTC)
    after, events = moved(record, (FileStatus(status),), by_user(owner), now, words)
    assert await repository.move(record, after, events)
    return after


async def deleted(repository: FileStorageRepository, owner: str) -> FileRecord:
    record = await held(repository, owner, "uploaded")
    after = dataclasses.replace(record, deleted_at=record.updated_at)
    assert await repository.move(record, after, [])
    return after


def ids(items: list[dict[str, Any]]) -> list[UUID]:
    return [UUID(item["id"]) for item in items]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_all_of_it_is_for_operators_alone(user: User, method: str, path: str) -> None:
    for scope in ("files:read files:write files:process", "", "administrator", "ADMIN"):
        answer = await user.call(method, path, scope=scope)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    answer = await user.api.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_no_route_is_forgotten(user: User) -> None:
    app = user.api._transport.app  # type: ignore[attr-defined]
    parts = {str(NOBODY): "{id}", "1": "{id}", f"msg_{NOBODY.hex}": "{delivery}"}
    known = {"/".join(parts.get(part, part) for part in path.split("/")) for _, path in ROUTES}
    assert known == {path for path in app.openapi()["paths"] if path.startswith("/admin")}


async def test_files_of_everybody(admin: User, repository: FileStorageRepository) -> None:
    anns = [await held(repository, "ann", status.value) for status in FileStatus]
    bobs = [await held(repository, "bob", status) for status in ("failed", "pending")]
    gone = await deleted(repository, "ann")
    newest_first = [record.id for record in reversed([*anns, *bobs])]

    assert ids(await walked(admin, "/admin/files")) == newest_first
    by_owner = await walked(admin, "/admin/files", owner="ann")
    assert ids(by_owner) == [record.id for record in reversed(anns)]
    failed = await walked(admin, "/admin/files", status="failed")
    assert [(item["owner"], item["status"]) for item in failed] == [
        ("bob", "failed"),
        ("ann", "failed"),
    ]
    both = await walked(admin, "/admin/files", status="pending", owner="bob")
    assert ids(both) == [bobs[1].id]
    assert gone.id not in ids(await walked(admin, "/admin/files", status="uploaded"))


async def test_one_file_shows_neither_url_nor_metadata(
    admin: User, user: User, repository: FileStorageRepository
) -> None:
    record = await user.ask(metadata={"case": "secret"})
    answer = await admin.call("GET", f"/admin/files/{record['id']}", scope="admin")

    assert answer.json()["owner"] == user.subject
    assert answer.json()["size_is_limit"] is False
    assert not {"url", "fields", "headers", "metadata", "multipart"} & answer.json().keys()
    assert "Signature" not in answer.text
    assert "secret" not in answer.text


async def test_a_deleted_file_and_its_trail(admin: User, repository: FileStorageRepository) -> None:
    record = await deleted(repository, "ann")
    shown = await asked(admin, f"/admin/files/{record.id}")
    assert shown["deleted_at"] is not None

    trail = await walked(admin, f"/admin/files/{record.id}/events")
    assert [line["to"] for line in trail] == ["pending", "uploaded"]
    for path in (f"/admin/files/{NOBODY}", f"/admin/files/{NOBODY}/events"):
        assert (await asked(admin, path, code=404))["code"] == "not_found"


async def test_why_uploads_fail(admin: User, repository: FileStorageRepository) -> None:
    twofold = "size is 9 bytes, declared 8; type is a/b, declared c/d"
    for said in (SIZE, twofold, "crc32 is A, declared B"):
        await held(repository, "ann", "failed", said)
    for said in ("expired", "aborted", "virus found", None):
        await held(repository, "bob", "failed", said)
    last = await held(repository, "bob", "failed", SIZE)

    found = await asked(admin, "/admin/failures")
    tallies = {item["reason"]: (item["files"], item["owners"]) for item in found["items"]}
    assert tallies == {
        "size": (3, 2),
        "reported": (2, 1),
        "aborted": (1, 1),
        "checksum": (1, 1),
        "expired": (1, 1),
    }
    assert [item["reason"] for item in found["items"]][:2] == ["size", "reported"]
    assert found["files"] == 8
    assert found["items"][0]["example"] == SIZE

    by_size = await walked(admin, "/admin/files", reason="size")
    assert [item["reason"] for item in by_size] == ["size"] * 3
    assert UUID(by_size[0]["id"]) == last.id
    reported = await walked(admin, "/admin/files", reason="reported", owner="bob", status="failed")
    assert [item["status_reason"] for item in reported] == [None, "virus found"]
    assert await walked(admin, "/admin/files", reason="replaced") == []


async def test_failures_before_the_time_asked_for(
    admin: User, repository: FileStorageRepository
) -> None:
    for hours in (1, 30):
        begun = datetime.now(UTC) - timedelta(hours=hours)
        record = a_record(id=id_made_at(begun), key=f"k{hours}", status=FAILED)
        await repository.insert(record, a_creation(record))

    assert (await asked(admin, "/admin/failures"))["files"] == 1
    assert (await asked(admin, "/admin/failures", hours=31))["files"] == 2


async def test_a_page_by_reason_looks_at_so_many(
    admin: User, repository: FileStorageRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on although it found nothing, and neither skips nor repeats any."""
    monkeypatch.setattr(oversight_repository, "MOST_WALKED", 3)
    first = await held(repository, "ann", "failed", SIZE)
    for _ in range(7):
        await held(repository, "ann", "failed", "expired")
    last = await held(repository, "ann", "failed", SIZE)

    page = await asked(admin, "/admin/files", reason="size")
    assert ids(page["items"]) == [last.id]
    page = await asked(admin, "/admin/files", reason="size", cursor=page["next_cursor"])
    assert page["items"] == []
    assert page["next_cursor"] is not None
    for owner in ({}, {"owner": "ann"}):
        assert ids(await walked(admin, "/admin/files", reason="size", **owner)) == [
            last.id,
            first.id,
        ]
        assert len(await walked(admin, "/admin/files", reason="expired", **owner)) == 7


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/admin/files", {"reason": "size", "status": "pending"}),
        ("/admin/files", {"reason": "bad luck"}),
        ("/admin/files", {"owner": "a\0b"}),
        ("/admin/files", {"cursor": "nonsense"}),
        ("/admin/owners", {"cursor": "/w"}),
        ("/admin/owners", {"cursor": "AA"}),
        ("/admin/owners", {"cursor": "a"}),
        ("/admin/outcomes", {"count": 49}),
        ("/admin/outcomes", {"interval": "minute"}),
        ("/admin/failures", {"hours": 0}),
        ("/admin/jobs", {"status": "succeeded"}),
        ("/admin/jobs", {"limit": 201}),
    ],
)
async def test_what_cannot_be_asked(admin: User, path: str, params: dict[str, Any]) -> None:
    assert (await asked(admin, path, code=422, **params))["code"] == "invalid_request"


async def test_outcomes_of_all_and_of_one(admin: User, repository: FileStorageRepository) -> None:
    for owner, status in (("ann", "failed"), ("ann", "completed"), ("bob", "completed")):
        await held(repository, owner, status)
    await deleted(repository, "bob")

    def total(found: dict[str, Any]) -> dict[str, int]:
        ends = ("pending", "completed", "failed", "deleted")
        return {end: sum(item[end] for item in found["items"]) for end in ends}

    found = await asked(admin, "/admin/outcomes", interval="day", count=2)
    assert len(found["items"]) == 2
    assert total(found) == {"pending": 0, "completed": 2, "failed": 1, "deleted": 1}
    of_ann = await asked(admin, "/admin/outcomes", owner="ann")
    assert len(of_ann["items"]) == 24
    assert total(of_ann) == {"pending": 0, "completed": 1, "failed": 1, "deleted": 0}


async def test_owners_with_what_they_hold(
    admin: User, user: User, repository: FileStorageRepository
) -> None:
    names = ["Ünï🐈", "ann", "b/c", "zoe"]
    for name in names:
        await held(repository, name)
    await held(repository, "ann", "uploaded")
    limits = {"files": 3, "bytes": None, "in_flight_bytes": None}
    await admin.call("PUT", "/quotas/zoe", scope="admin", json=limits)

    owners = {item["owner"]: item for item in await walked(admin, "/admin/owners")}
    assert sorted(owners) == sorted(names)
    assert owners["ann"]["used"] == {"files": 1, "bytes": 5}
    assert owners["ann"]["reserved"] == {"files": 1, "bytes": 5}
    assert owners["zoe"]["limit"]["files"] == 3
    assert (owners["zoe"]["overridden"], owners["ann"]["overridden"]) == (True, False)


async def hooked(user: User, url: str = "https://example.com/hook/s3cret?token=s3cret") -> UUID:
    answer = await user.call("POST", "/webhooks", json={"url": url})
    assert answer.status_code == 201
    return UUID(answer.json()["id"])


async def failing(database: Database, webhook: UUID, status: int = 500) -> Delivery:
    """A delivery that was answered so."""
    webhooks = PostgresWebhookRepository(database)
    now = datetime.now(UTC)
    delivery = after_attempt(await webhooks.offer_test(webhook, now), Outcome(status), now)
    await webhooks.note([delivery])
    await database.ask(
        lambda c: c.execute("UPDATE webhooks SET failing_since = now() WHERE id = $1", webhook)
    )
    return delivery


async def test_webhooks_of_everybody_without_their_secrets(
    admin: User, user: User, other: User, database: Database
) -> None:
    well, troubled = await hooked(user), await hooked(other)
    delivery = await failing(database, troubled)
    [first, second] = await walked(admin, "/admin/webhooks")

    assert (UUID(first["id"]), first["owner"]) == (well, user.subject)
    assert (first["waiting"], first["last_failure"]) == (0, None)
    assert first["host"] == "https://example.com"
    assert (second["waiting"], second["last_failure"]["id"]) == (1, delivery.name)
    assert second["last_failure"]["error"] == "The endpoint answered 500."
    answer = await admin.call("GET", "/admin/webhooks", scope="admin")
    assert "s3cret" not in answer.text
    assert "whsec_" not in answer.text
    assert await walked(admin, "/admin/webhooks", troubled=True) == [second]


async def test_workers_tell_how_much_waits(admin: User, user: User, database: Database) -> None:
    webhook = await hooked(user)
    for _ in range(2):
        await failing(database, webhook)
    container = user.api._transport.app.state.container  # type: ignore[attr-defined]
    transport = httpx.ASGITransport(create_probes(container, []))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as worker:
        assert "slipway_webhook_backlog 2.0" in (await worker.get("/metrics")).text


async def test_what_arrived_at_last_is_no_failure(
    admin: User, user: User, database: Database
) -> None:
    webhook = await hooked(user)
    delivery = await failing(database, webhook)
    arrived = after_attempt(delivery, Outcome(200), datetime.now(UTC))
    await PostgresWebhookRepository(database).note([arrived])
    [shown] = await walked(admin, "/admin/webhooks")

    assert (shown["last_failure"], shown["waiting"]) == (None, 0)


async def test_an_operator_sends_anybodys_delivery_again(
    admin: User, user: User, other: User, database: Database
) -> None:
    webhook = await hooked(user)
    delivery = await failing(database, webhook, status=410)
    path = f"/admin/webhooks/{webhook}/deliveries"
    [shown] = await walked(admin, path)
    assert (shown["id"], shown["status"]) == (delivery.name, "failed")

    with capture_logs() as lines:
        answer = await admin.call("POST", f"{path}/{delivery.name}/replay", scope="admin")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    [line] = [line for line in lines if line["event"] == "webhook replayed"]
    assert (line["by"], line["delivery"]) == (admin.subject, delivery.name)
    assert line["webhook_id"] == str(webhook)
    assert (await asked(admin, "/admin/backlog"))["deliveries"] == 1

    mine = await other.call("GET", f"/webhooks/{webhook}/deliveries", scope="admin")
    assert mine.status_code == 404
    missing = await admin.call("POST", f"{path}/msg_{NOBODY.hex}/replay", scope="admin")
    assert missing.status_code == 404
    paused = await user.call("PATCH", f"/webhooks/{webhook}", json={"enabled": False})
    assert paused.status_code == 200
    refused = await admin.call("POST", f"{path}/{delivery.name}/replay", scope="admin")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")


async def test_the_service_itself_lets_no_one_else_look(user: User, other: User) -> None:
    """Whichever route asks it."""
    webhooks = user.api._transport.app.state.container.webhooks  # type: ignore[attr-defined]
    webhook, somebody = await hooked(user), Principal(other.subject)
    with pytest.raises(Forbidden):
        await webhooks.get(somebody, webhook, anybodys=True)
    with pytest.raises(Forbidden):
        await webhooks.replay(somebody, webhook, NOBODY, anybodys=True)


@pytest_asyncio.fixture
async def jobs(database_url: str) -> AsyncIterator[list[int]]:
    """Three that have failed, one that waits."""
    await defer(database_url, *(uuid_utils.compat.uuid7() for _ in range(4)))
    rows = await execute(database_url, "SELECT id FROM procrastinate_jobs ORDER BY id")
    found = [row["id"] for row in rows]
    await execute(
        database_url,
        "UPDATE procrastinate_jobs SET status = 'failed', attempts = 9"
        f" WHERE id <= {found[2]} AND id >= {found[0]}",
    )
    yield found


async def test_failed_jobs_run_again(admin: User, jobs: list[int]) -> None:
    failed = await walked(admin, "/admin/jobs")
    assert [job["id"] for job in failed] == jobs[:3]
    assert (failed[0]["name"], failed[0]["attempts"]) == ("discard", 9)
    assert failed[0]["changed_at"] is not None

    with capture_logs() as lines:
        answer = await admin.call("POST", f"/admin/jobs/{jobs[1]}/retry", scope="admin")
    assert (answer.status_code, answer.json()) == (202, {"id": jobs[1], "status": "todo"})
    [line] = [line for line in lines if line["event"] == "job retried"]
    assert (line["job_id"], line["by"]) == (jobs[1], admin.subject)

    waiting = await walked(admin, "/admin/jobs", status="todo")
    assert [(job["id"], job["attempts"]) for job in waiting] == [(jobs[1], 0), (jobs[3], 0)]
    for not_failed in (jobs[1], jobs[3], 2**63 - 1):
        answer = await admin.call("POST", f"/admin/jobs/{not_failed}/retry", scope="admin")
        assert answer.status_code == 404


async def test_all_failed_jobs_run_again(admin: User, jobs: list[int]) -> None:
    with capture_logs() as lines:
        for retried in (3, 0):
            answer = await admin.call("POST", "/admin/jobs/retry", scope="admin")
            assert (answer.status_code, answer.json()) == (202, {"retried": retried})
    told = [(line["count"], line["by"]) for line in lines if line["event"] == "jobs retried"]

    assert told == [(3, admin.subject), (0, admin.subject)]
    assert [job["id"] for job in await walked(admin, "/admin/jobs", status="todo")] == jobs


async def test_the_backlog(admin: User, jobs: list[int]) -> None:
    found = await asked(admin, "/admin/backlog")
    assert found["jobs"] == [
        {"name": "discard", "status": "failed", "count": 3},
        {"name": "discard", "status": "todo", "count": 1},
    ]
    assert found["deliveries"] == 0


async def test_the_health_of_each_part(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ("database", "migrations", "storage")
    well = {"ready": True, "checks": dict.fromkeys(parts, "ok")}
    assert await asked(admin, "/admin/health") == well

    async def down() -> None:
        raise StorageUnavailable("The object store does not answer; try again.")

    container = admin.api._transport.app.state.container  # type: ignore[attr-defined]
    monkeypatch.setitem(container.pings, "storage", down)
    found = await asked(admin, "/admin/health")
    assert (found["ready"], found["checks"]["database"]) == (False, "ok")
    assert found["checks"]["storage"] == "The object store does not answer; try again."
