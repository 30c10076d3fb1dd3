"""Every question that the repository asks is answered from the index that was made for it.

The plans are those that the server really executed, as auto_explain tells them: for the first
calls made for the values at hand, later the generic one of the prepared statement.
"""

import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from app.database.config import Database
from app.database.engine import Connection
from app.domain.change import Position, Whose
from app.domain.failure import FailureReason
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.history import Interval, periods
from app.domain.idempotency import IdempotencyClaim
from app.domain.usage import UNLIMITED
from app.domain.webhook import CLAIM_LIFE, Claim, Delivery
from app.repository.change_repository import ChangeRepository
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.history_repository import HistoryRepository
from app.repository.job_repository import JobRepository
from app.repository.oversight_repository import OversightRepository
from app.repository.reconciliation import PostgresRecordSurvey
from app.repository.usage_repository import PostgresUsageRepository
from app.repository.webhook_oversight import WebhookOversight
from app.repository.webhook_repository import PostgresWebhookRepository
from tests.support.databases import opened
from tests.support.records import NOON

MANY, FEW = "owner-0", "owner-7"
"""One owner has half of the 20,000 files; 250 others share the rest."""

FILL = """
WITH new AS (
    INSERT INTO files (id, owner, key, filename, type, file_size, method, policy, status,
                       created_at, updated_at, expires_at, ends_at, metadata, deleted_at,
                       remove_at)
    SELECT uuidv7(), 'owner-' || CASE WHEN n % 2 = 0 THEN 0 ELSE n % 500 END, 'key-' || n,
           'f', 'a/b', n, 'PUT',
           (ARRAY['default', 'default', 'avatar', 'video'])[1 + n / 7 % 4],
           (ARRAY['completed', 'completed', 'completed', 'pending', 'failed'])[1 + n / 3 % 5],
           now(), now(), now(), now() + n * interval '1 s', '{}',
           CASE WHEN n % 11 = 0 THEN now() END,
           CASE WHEN n % 11 = 0 THEN now() + n * interval '1 s' END
    FROM generate_series(1, 20000) AS n
    RETURNING id, owner
), keys AS (
    INSERT INTO idempotency_keys (owner, key, fingerprint, used_at, file_ids)
    SELECT owner, 'key-' || id, 'f', '2026-11-21 12:00Z', '[]' FROM new
), hooks AS (
    INSERT INTO webhooks (id, owner, url, secret, created_at, updated_at, version)
    SELECT uuidv7(), 'owner-' || n, 'https://example.com', 's', now(), now(), 1
    FROM generate_series(1, 5000) AS n
), holders AS (
    INSERT INTO usages (owner) SELECT 'owner-' || n FROM generate_series(0, 5000) AS n
)
INSERT INTO file_events (file_id, owner, at, actor, event, from_status, to_status, detail)
SELECT id, owner, now(), 'user:a', event, from_status, 'uploaded', '{}' FROM new,
    (VALUES ('created', NULL), ('transition', 'pending')) AS line (event, from_status)
"""

EXPLAIN = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_format = json;
SET auto_explain.log_level = notice;
SET auto_explain.log_analyze = on
"""

CALLS = 7
"""PostgreSQL considers a generic plan from the sixth execution on."""

BY_ID = {"pk_files", "ix_files_owner_id", "ix_files_owner_status_id", "ix_files_status_id"}
"""Each finds a file of an owner by its id without reading another row."""

BY_FILE = {"ix_webhook_deliveries_webhook_id_file_id_id"}
"""What waits for a webhook of one file."""

BACKLOG = """
WITH hook AS (
    INSERT INTO webhooks (id, owner, url, secret, created_at, updated_at, version)
    SELECT uuidv7(), owner, 'https://example.com', 's', now(), now(), 1
    FROM unnest(ARRAY['down', 'well']) AS owner
    RETURNING id, owner
), file AS MATERIALIZED (SELECT gen_random_uuid() AS id FROM generate_series(1, 2000))
INSERT INTO webhook_deliveries (webhook_id, file_id, event, created_at)
SELECT hook.id, file.id, 'webhook.test', now()
FROM generate_series(1, 3) AS nth, file, hook ORDER BY nth
RETURNING id, message_id, webhook_id, event, file_id, created_at
"""
"""Three moves of each of 2,000 files, for two webhooks."""

ENDED = """
INSERT INTO webhook_deliveries (webhook_id, event, created_at, status, error)
SELECT id, 'webhook.test', now(), CASE WHEN n = 1 THEN 'pending' ELSE 'delivered' END,
    CASE WHEN n = 2 THEN 'It failed.' END
FROM (SELECT id FROM webhooks ORDER BY id LIMIT 5) AS hook, generate_series(1, 4000) AS n
"""
"""One that waits and one that went wrong, for each of five webhooks, among many."""

TROUBLE = """
UPDATE webhooks SET failing_since = now() WHERE id IN (SELECT id FROM webhooks ORDER BY id LIMIT 9)
"""

JOBS = """
INSERT INTO procrastinate_jobs (queue_name, task_name, status)
SELECT 'files', 'discard',
    (CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'todo' END)::procrastinate_job_status
FROM generate_series(1, 20000) AS n
"""

Question = Callable[[], Awaitable[Any]]
Plans = Callable[[Question], Awaitable[list[dict[str, Any]]]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(database_url: str) -> AsyncIterator[Database]:
    """One connection, which tells the plan of each statement."""
    async with opened(database_url, pool_size=1, timeout=60) as database:
        for statement in (FILL, "VACUUM ANALYZE", EXPLAIN):
            await database.run(lambda connection, sql=statement: connection.execute(sql))
        yield database


@pytest.fixture
def files(filled: Database) -> FileStorageRepository:
    return FileStorageRepository(filled)


@pytest.fixture
def plans(filled: Database) -> Plans:
    """All nodes of all plans of some calls of a question."""

    async def executed(question: Question) -> list[dict[str, Any]]:
        told: list[str] = []

        def listen(_: Any, message: asyncpg.PostgresLogMessage) -> None:
            told.append(str(message))

        async def listening(connection: Connection) -> None:
            connection.add_log_listener(listen)

        async def deaf(connection: Connection) -> None:
            connection.remove_log_listener(listen)

        await filled.run(listening)
        for _ in range(CALLS):
            await question()
        await filled.run(deaf)
        # The driver's own questions about types are not ours.
        ours = [text for text in told if "plan:" in text and "pg_catalog" not in text]
        return [node for text in ours for node in _nodes(_plan(text))]

    return executed


def _plan(text: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(text[text.index("{") :])["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """The indexes read; fails when a table was read without one, or anything was sorted."""
    types = [node["Node Type"] for node in nodes]
    assert len(types) >= CALLS
    assert not {"Seq Scan", "Sort", "Incremental Sort"}.intersection(types), nodes
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def reads(nodes: list[dict[str, Any]]) -> set[float]:
    """How many rows each index scan read, those that a filter then dropped included."""
    scans = [node for node in nodes if "Index Name" in node]
    return {n["Actual Rows"] + n.get("Rows Removed by Filter", 0) for n in scans}


async def any_file(files: FileStorageRepository, owner: str = MANY) -> FileRecord:
    [record] = await files.page(owner, status=None, policy=None, before=None, limit=1)
    return record


@pytest.mark.parametrize("owner", [MANY, FEW])
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("status", "policy", "expected"),
    [
        (None, None, {"ix_files_owner_id"}),
        (FileStatus.COMPLETED, None, {"ix_files_owner_status_id"}),
        (FileStatus.FAILED, None, {"ix_files_owner_status_id"}),
        (None, "default", {"ix_files_owner_policy_id"}),
        (None, "avatar", {"ix_files_owner_policy_id"}),
    ],
)
async def test_pages(
    files: FileStorageRepository,
    plans: Plans,
    owner: str,
    later: bool,
    status: FileStatus | None,
    policy: str | None,
    expected: set[str],
) -> None:
    before = (await any_file(files, owner)).id if later else None
    nodes = await plans(
        lambda: files.page(owner, status=status, policy=policy, before=before, limit=5)
    )
    assert indexes(nodes) == expected
    assert all(node.get("Rows Removed by Filter", 0) == 0 for node in nodes)


async def test_pages_by_both(files: FileStorageRepository, plans: Plans) -> None:
    nodes = await plans(
        lambda: files.page(MANY, status=FileStatus.FAILED, policy="video", before=None, limit=5)
    )
    assert indexes(nodes) <= {"ix_files_owner_status_id", "ix_files_owner_policy_id"}


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("status", "expected"),
    [(None, {"ix_files_owner_id"}), (FileStatus.FAILED, {"ix_files_owner_status_id"})],
)
async def test_a_search(
    files: FileStorageRepository,
    plans: Plans,
    later: bool,
    status: FileStatus | None,
    expected: set[str],
) -> None:
    """However many files there are, the names of a window are read, and nothing is sorted."""
    before, window = (await any_file(files)).id if later else None, 100
    nodes = await plans(
        lambda: files.search(
            MANY, "no such", status=status, policy=None, before=before, limit=5, window=window
        )
    )
    assert indexes(nodes) == expected
    assert reads(nodes) == {window}


async def test_one_file(files: FileStorageRepository, plans: Plans) -> None:
    record = await any_file(files)

    assert indexes(await plans(lambda: files.find(MANY, id=record.id))) <= BY_ID
    assert indexes(await plans(lambda: files.find(MANY, key=record.key))) == {"uq_files_key"}


async def test_several_files(files: FileStorageRepository, plans: Plans) -> None:
    page = await files.page(MANY, status=None, policy=None, before=None, limit=20)
    ids = [record.id for record in page]

    assert indexes(await plans(lambda: files.find_all(MANY, ids))) <= BY_ID


async def test_a_move(files: FileStorageRepository, plans: Plans) -> None:
    before = await any_file(files)
    after = dataclasses.replace(before, expires_at=NOON)

    nodes = await plans(lambda: files.move(before, after, []))

    assert indexes(nodes) <= {*BY_ID, "pk_usages", "ix_webhooks_owner_id", *BY_FILE}


async def test_what_is_due_to_webhooks(filled: Database, plans: Plans) -> None:
    """However much waits behind what waits for its next attempt."""
    webhooks = PostgresWebhookRepository(filled)
    rows = await filled.ask(lambda c: c.fetch(BACKLOG))
    down = rows[0]["webhook_id"]
    later = NOON + timedelta(hours=1)
    heads = [Delivery(**row) for row in rows[:4000] if row["webhook_id"] == down]
    await webhooks.note([dataclasses.replace(head, next_attempt_at=later) for head in heads])
    await filled.run(lambda c: c.execute("VACUUM ANALYZE webhook_deliveries"))

    nodes = await plans(lambda: webhooks.claim(Claim(NOON, NOON + CLAIM_LIFE, 20, 10)))

    assert max(reads(nodes)) <= 3 * 10 * CALLS


async def test_the_audit_trail(files: FileStorageRepository, plans: Plans) -> None:
    record = await any_file(files)
    nodes = await plans(lambda: files.events(MANY, record.id))

    assert indexes(nodes) <= {*BY_ID, "ix_file_events_file_id_id"}


@pytest.mark.parametrize("later", [False, True])
async def test_what_has_changed(filled: Database, plans: Plans, later: bool) -> None:
    changes = ChangeRepository(filled)
    after = await a_position(changes, half_way=later)
    nodes = await plans(lambda: changes.since(after, limit=5))

    assert indexes(nodes) == {"pk_files", "ix_file_events_xact_id"}
    assert reads(nodes) <= {1, 5}


@pytest.mark.parametrize("owner", [MANY, FEW])
@pytest.mark.parametrize("later", [False, True])
async def test_what_has_changed_for_an_owner(
    filled: Database, plans: Plans, owner: str, later: bool
) -> None:
    changes = ChangeRepository(filled)
    after = await a_position(changes, half_way=later)
    nodes = await plans(lambda: changes.since(after, limit=5, of=Whose(owner)))

    assert indexes(nodes) == {"pk_files", "ix_file_events_owner_xact_id"}
    assert reads(nodes) <= {1, 5}


async def test_what_has_become_of_a_file(
    files: FileStorageRepository, filled: Database, plans: Plans
) -> None:
    changes, record = ChangeRepository(filled), await any_file(files)
    after = await a_position(changes, half_way=False)
    nodes = await plans(lambda: changes.since(after, limit=5, of=Whose(MANY, record.id)))

    assert "ix_file_events_file_id_id" in indexes(nodes)
    assert max(reads(nodes)) < 10


async def a_position(changes: ChangeRepository, *, half_way: bool) -> Position:
    beginning = Position(0, 0)
    if not half_way:
        return beginning
    return (await changes.since(beginning, limit=5000)).items[-1].position


async def test_an_idempotency_key(files: FileStorageRepository, plans: Plans) -> None:
    record = await any_file(files)
    claim = IdempotencyClaim(MANY, f"key-{record.id}", "f", NOON)
    nodes = await plans(lambda: files.insert_once(claim, []))

    assert indexes(nodes) == {"uq_idempotency_keys_owner_key"}


@pytest.mark.parametrize("later", [False, True])
async def test_pending_uploads_that_have_ended(
    files: FileStorageRepository, plans: Plans, later: bool
) -> None:
    """The sweep reads what is due, and of 20,000 files not one more."""
    now = datetime.now(UTC) + timedelta(seconds=1000)
    due = await files.due(now, limit=99999)
    after = due[len(due) // 2] if later else None
    nodes = await plans(lambda: files.due(now, after=after, limit=20))

    assert indexes(nodes) == {"ix_files_ends_at_id"}
    assert reads(nodes) == {20}


@pytest.mark.parametrize("later", [False, True])
async def test_strays_that_may_have_landed(
    files: FileStorageRepository, plans: Plans, later: bool
) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1000)
    due = await files.due_removals(now, limit=99999)
    after = due[len(due) // 2] if later else None
    nodes = await plans(lambda: files.due_removals(now, after=after, limit=20))

    assert indexes(nodes) == {"ix_files_remove_at_id"}
    assert reads(nodes) == {20}


async def test_a_batch_beyond_what_is_due(files: FileStorageRepository, plans: Plans) -> None:
    """Nothing is read to find that there is no more."""
    now = datetime.now(UTC) - timedelta(days=1)

    assert reads(await plans(lambda: files.due(now, limit=100))) == {0}
    assert reads(await plans(lambda: files.due_removals(now, limit=100))) == {0}


async def test_what_the_worker_does_to_one_file(files: FileStorageRepository, plans: Plans) -> None:
    record = await any_file(files)
    event = FileEvent(at=NOON, actor="user:a", event="url_issued")
    later = record.ends_at + timedelta(days=9)

    for question in (
        lambda: files.load(record.id),
        lambda: files.put_off_removal(record, None),
        lambda: files.extend(record, expires_at=later, ends_at=later, event=event),
    ):
        assert indexes(await plans(question)) <= BY_ID


async def test_claims_of_days_ago(files: FileStorageRepository, plans: Plans) -> None:
    nodes = await plans(lambda: files.forget_claims(NOON + timedelta(days=1), limit=3))

    assert indexes(nodes) == {"ix_idempotency_keys_used_at", "pk_idempotency_keys"}
    assert reads(nodes) == {3}


async def test_a_page_of_everything(filled: Database, plans: Plans) -> None:
    """Whoever owns it, in whatever state it is."""
    survey = PostgresRecordSurvey(filled)
    keys = [f"key-{n}" for n in range(1, 20_000, 100)]
    [*_, last] = await survey.entries(limit=500)
    nodes = await plans(lambda: survey.entries(after=last.id, limit=500))

    assert indexes(await plans(lambda: survey.by_keys(keys))) == {"uq_files_key"}
    assert indexes(nodes) == {"pk_files"}
    assert reads(nodes) == {500}


async def test_what_is_counted_and_asked_of_a_suspect(filled: Database, plans: Plans) -> None:
    survey = PostgresRecordSurvey(filled)
    [entry] = await survey.entries(limit=1)
    of_owner = {"ix_files_owner_id", "ix_files_owner_status_id", "ix_files_owner_policy_id"}

    assert indexes(await plans(lambda: survey.miscounts([MANY, FEW]))) <= {*of_owner, "pk_usages"}
    assert indexes(await plans(lambda: survey.deletion_asked(entry.id))) == {
        "ix_file_events_file_id_id"
    }


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (None, {"ix_files_status_id", "ix_files_deleted_id"}),
        (MANY, {"ix_files_owner_status_id", "ix_files_deleted_owner_id"}),
        (FEW, {"ix_files_owner_status_id", "ix_files_deleted_owner_id"}),
    ],
)
async def test_uploads_over_time(
    filled: Database, plans: Plans, owner: str | None, expected: set[str]
) -> None:
    """What is counted is read, and nothing else."""
    history, hours = HistoryRepository(filled), periods(Interval.HOUR, 24, datetime.now(UTC))
    nodes = await plans(lambda: history.outcomes(hours, owner))

    assert indexes(nodes) == expected
    assert {node["Node Type"] for node in nodes if "Index Name" in node} == {"Index Only Scan"}
    assert not any(node.get("Rows Removed by Filter") for node in nodes)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"ix_files_status_id"}),
        ({"status": FileStatus.FAILED}, {"ix_files_status_id"}),
        ({"owner": MANY}, {"ix_files_owner_id"}),
        ({"owner": FEW, "status": FileStatus.FAILED}, {"ix_files_owner_status_id"}),
    ],
)
async def test_a_page_of_everybodys_files(
    filled: Database, plans: Plans, asked: dict[str, Any], expected: set[str], later: bool
) -> None:
    """Of each state no more is read than the page may hold."""
    oversight = OversightRepository(filled)
    before = (await oversight.page(limit=500)).next_before if later else None
    nodes = await plans(lambda: oversight.page(**asked, before=before, limit=5))

    assert indexes(nodes) == expected
    assert max(reads(nodes)) == 6


@pytest.mark.parametrize("owner", [None, MANY])
async def test_failures_by_reason(filled: Database, plans: Plans, owner: str | None) -> None:
    """Nobody's failed for it: all that are walked are read, once to count and once to look."""
    oversight, size = OversightRepository(filled), FailureReason.SIZE
    index = "ix_files_status_id" if owner is None else "ix_files_owner_status_id"
    nodes = await plans(lambda: oversight.failed_for(size, owner=owner, before=None, limit=5))
    assert indexes(nodes) == {index}

    since = datetime.now(UTC) - timedelta(hours=1)
    nodes = await plans(lambda: oversight.failures(since))
    assert indexes(nodes) == {"ix_files_status_id"}
    assert not any(node.get("Rows Removed by Filter") for node in nodes)


async def test_a_page_of_owners(filled: Database, plans: Plans) -> None:
    usages = PostgresUsageRepository(filled, UNLIMITED)
    nodes = await plans(lambda: usages.standings(after="owner-3", limit=5))

    assert indexes(nodes) == {"pk_usages"}
    assert reads(nodes) == {5}


@pytest.mark.parametrize(
    ("troubled", "expected"), [(False, "pk_webhooks"), (True, "ix_webhooks_troubled_id")]
)
async def test_a_page_of_everybodys_webhooks(
    filled: Database, plans: Plans, troubled: bool, expected: str
) -> None:
    """Of their deliveries, those that wait and the last that went wrong."""
    await filled.ask(lambda c: c.execute("TRUNCATE webhook_deliveries"))
    await filled.ask(lambda c: c.execute(ENDED))
    await filled.ask(lambda c: c.execute(TROUBLE))
    await filled.run(lambda c: c.execute("VACUUM ANALYZE webhooks, webhook_deliveries"))
    oversight = WebhookOversight(filled)
    nodes = await plans(lambda: oversight.page(troubled=troubled, limit=5))

    assert indexes(nodes) == {
        expected,
        "ix_webhook_deliveries_webhook_id_due_at_id",
        "ix_webhook_deliveries_erring_webhook_id_id",
    }
    assert max(reads(nodes)) == 5


async def test_how_much_waits_for_webhooks(filled: Database, plans: Plans) -> None:
    """Of 20,000 that have arrived none is read."""
    nodes = await plans(WebhookOversight(filled).waiting)

    assert indexes(nodes) <= {
        "ix_webhook_deliveries_webhook_id_due_at_id",
        "ix_webhook_deliveries_webhook_id_file_id_id",
    }
    assert max(reads(nodes)) <= 5


async def test_failed_jobs(filled: Database, plans: Plans) -> None:
    await filled.ask(lambda c: c.execute(JOBS))
    await filled.run(lambda c: c.execute("VACUUM ANALYZE procrastinate_jobs"))
    await filled.run(lambda c: c.execute("VACUUM ANALYZE procrastinate_events"))
    jobs = JobRepository(filled)
    nodes = await plans(lambda: jobs.page("failed", limit=5, after=7))

    assert "ix_procrastinate_jobs_failed" in indexes(nodes)
    assert max(reads(nodes)) == 5
