"""What the migrations make of records that are there already."""

import asyncio

from alembic.config import Config

from alembic import command
from app.database.migrate import upgrade
from app.domain.usage import Amount, Usage
from app.repository.quota_statements import COUNTERS, to_usage
from tests.migrations.test_migrations import alembic
from tests.support.databases import execute

FILES = """
INSERT INTO files (id, owner, key, filename, type, file_size, method, policy, status,
                   created_at, updated_at, expires_at, ends_at, metadata, deleted_at)
SELECT gen_random_uuid(), owner, 'key-' || n, 'f', 'a/b', n, 'PUT', 'default', status,
       now(), now(), now(), now(), '{}', deleted_at
FROM (VALUES
    (1, 'alice', 'pending', NULL),
    (2, 'alice', 'uploaded', NULL),
    (4, 'alice', 'processing', NULL),
    (8, 'alice', 'completed', NULL),
    (16, 'alice', 'failed', NULL),
    (32, 'alice', 'completed', now()),
    (64, 'alice', 'pending', now()),
    (128, 'bob', 'pending', NULL),
    (256, 'carol', 'failed', NULL)
) AS file (n, owner, status, deleted_at)
"""


async def test_owners_hold_what_they_held(own_database_url: str) -> None:
    config: Config = alembic(own_database_url)
    await asyncio.to_thread(command.downgrade, config, "20261121_02")
    await execute(own_database_url, FILES)
    await asyncio.to_thread(upgrade, own_database_url)

    rows = await execute(own_database_url, f"SELECT owner, {', '.join(COUNTERS)} FROM usages")
    assert {owner: to_usage(counters) for owner, *counters in rows} == {
        "alice": Usage(used=Amount(3, 14), reserved=Amount(1, 1)),
        "bob": Usage(reserved=Amount(1, 128)),
    }


DELIVERIES = """
INSERT INTO webhook_deliveries (webhook_id, file_id, event, created_at, status, next_attempt_at)
SELECT '5b0c6a3e-1c39-4b5e-9d51-000000000000', file_id::uuid, 'file.failed', now(), status,
    next_attempt_at::timestamptz
FROM (VALUES
    ('pending', NULL, NULL),
    ('pending', NULL, '2027-01-01 00:00Z'),
    ('delivered', '5b0c6a3e-1c39-4b5e-9d51-000000000001', NULL),
    ('pending', '5b0c6a3e-1c39-4b5e-9d51-000000000001', '2028-01-01 00:00Z'),
    ('pending', '5b0c6a3e-1c39-4b5e-9d51-000000000001', NULL)
) AS delivery (status, file_id, next_attempt_at)
"""

WAITING = """
SELECT args ->> 'delivery_id', scheduled_at FROM procrastinate_jobs
WHERE queue_name = 'webhooks' AND status = 'todo' ORDER BY id
"""


async def test_deliveries_that_wait_are_due_when_they_were_and_have_jobs_in_the_release_before(
    own_database_url: str,
) -> None:
    config: Config = alembic(own_database_url)
    await asyncio.to_thread(command.downgrade, config, "20261121_08")
    await execute(own_database_url, DELIVERIES)
    await asyncio.to_thread(upgrade, own_database_url)
    due = "SELECT due_at::text FROM webhook_deliveries WHERE status = 'pending' ORDER BY id"
    times = [time[:10] for (time,) in await execute(own_database_url, due)]
    assert times == ["-infinity", "2027-01-01", "2028-01-01", "2028-01-01"]

    await asyncio.to_thread(command.downgrade, config, "20261121_08")
    first, second, *_ = await execute(own_database_url, WAITING)
    assert (first[0], first[1]) == ("1", None)
    assert (second[0], second[1].year) == ("2", 2027)
    await asyncio.to_thread(upgrade, own_database_url)
    assert await execute(own_database_url, WAITING) == []


CUT_BY_CLIENTS = """
INSERT INTO files (id, owner, key, filename, type, file_size, method, policy, status,
                   created_at, updated_at, expires_at, ends_at, metadata, size_is_limit)
SELECT gen_random_uuid(), 'alice', 'key-' || size, 'f', 'a/b', size, 'multipart', 'default',
       'pending', now(), now(), now(), now(), '{}', true
FROM (VALUES (5), (1024::bigint ^ 4)) AS file (size)
"""


async def test_what_clients_cut_has_parts_of_one_size_in_the_release_before(
    own_database_url: str,
) -> None:
    config: Config = alembic(own_database_url)
    await execute(own_database_url, CUT_BY_CLIENTS)
    await asyncio.to_thread(command.downgrade, config, "20261121_10")
    sizes = "SELECT part_size / 1048576 FROM files ORDER BY file_size"
    assert await execute(own_database_url, sizes) == [(16,), (105,)]
    await asyncio.to_thread(upgrade, own_database_url)
    limits = "SELECT bool_or(size_is_limit) FROM files"
    assert await execute(own_database_url, limits) == [(False,)]
