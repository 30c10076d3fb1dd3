"""The doctor's checks of workers, jobs, sweeps, events and webhooks, on real tables and workers."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database.models import FileModel
from app.domain.diagnosis import Examination, Verdict
from app.domain.judgement.connections import BESIDE_THE_POOL_OF_A_WORKER
from app.domain.judgement.work import SILENT_AFTER
from app.domain.webhook import PAUSED
from app.settings import Environment
from app.worker.queue import POOL_SIZE
from app.worker.stalled import HEARTBEAT, STALLED_AFTER
from tests.support.databases import execute
from tests.support.examined import bare_settings, examined, problem
from tests.support.workers import defer, until, working

PRODUCTION = {
    "environment": Environment.PRODUCTION,
    "storage_type": "s3",
    "jwt_secret": uuid.uuid4().hex + uuid.uuid4().hex,
}


@pytest.fixture
def url(own_database_url: str) -> str:
    return own_database_url


async def look(url: str, name: str, **given: Any) -> Examination:
    return await examined(bare_settings(database_url=url, database_timeout=60, **given), name)


async def heartbeat(url: str, ago: str = "-1 hour", count: int = 2) -> None:
    await execute(
        url,
        "INSERT INTO procrastinate_workers (last_heartbeat)"
        f" SELECT now() - interval '{ago}' FROM generate_series(1, {count})",
    )


class TestWorkers:
    async def test_one_that_runs(self, url: str) -> None:
        async def discard(_: uuid.UUID) -> None: ...

        async def is_there() -> bool:
            return bool(await execute(url, "SELECT FROM procrastinate_workers"))

        assert (await look(url, "worker", **PRODUCTION)).verdict is Verdict.FAILURE
        async with working(url, discard):
            await until(is_there, "the worker gives a sign of life")
            assert (await look(url, "worker", **PRODUCTION)).verdict is Verdict.OK
        finding = problem(await look(url, "worker", **PRODUCTION))
        assert finding.remedy
        assert finding.remedy.command == "python -m app worker"

    async def test_one_that_was_killed(self, url: str) -> None:
        await heartbeat(url, "10 minutes")
        assert "fell silent 10 min ago" in problem(await look(url, "worker", **PRODUCTION)).what

    async def test_in_development_it_matters_when_something_waits(self, url: str) -> None:
        assert (await look(url, "worker")).verdict is Verdict.NOTE
        await defer(url, uuid.uuid4())
        assert (await look(url, "worker")).verdict is Verdict.FAILURE


class TestJobs:
    async def test_nothing_to_do(self, url: str) -> None:
        assert (await look(url, "jobs")).verdict is Verdict.OK

    async def test_a_backlog(self, url: str) -> None:
        await defer(url, *(uuid.uuid4() for _ in range(3)))
        assert (await look(url, "jobs")).findings[0].what.startswith("Waiting: 3 × discard")
        assert (await look(url, "jobs")).verdict is Verdict.OK
        await execute(url, "UPDATE procrastinate_events SET at = at - interval '10 minutes'")
        finding = problem(await look(url, "jobs"))
        assert finding.what == "Waiting: 3 × discard; the oldest for 10 min."

    async def test_a_job_whose_time_has_come_long_ago(self, url: str) -> None:
        await defer(url, uuid.uuid4())
        await execute(
            url, "UPDATE procrastinate_jobs SET scheduled_at = now() - interval '3 hours'"
        )
        assert "the oldest for 3 h" in problem(await look(url, "jobs")).what

    async def test_what_is_for_later_or_waits_for_another_is_no_backlog(self, url: str) -> None:
        await defer(url, uuid.uuid4(), uuid.uuid4(), lock="the same")
        await execute(url, "UPDATE procrastinate_events SET at = at - interval '10 minutes'")
        assert "1 × discard" in problem(await look(url, "jobs")).what
        await execute(
            url,
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            " WHERE id = (SELECT min(id) FROM procrastinate_jobs)",
        )
        assert (await look(url, "jobs")).findings[0].what == "None waits."
        await execute(
            url,
            "UPDATE procrastinate_jobs SET status = 'doing'"
            " WHERE id = (SELECT min(id) FROM procrastinate_jobs)",
        )
        assert (await look(url, "jobs")).findings[0].what == "None waits."

    async def test_those_that_have_failed(self, url: str) -> None:
        await defer(url, uuid.uuid4(), uuid.uuid4())
        await execute(url, "UPDATE procrastinate_jobs SET status = 'failed'")
        finding = problem(await look(url, "jobs"))
        assert finding.what == "Failed for good: 2 × discard."
        assert finding.remedy
        assert "jobs retry --all-failed" in finding.remedy.command
        await execute(
            url, "UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = now(), attempts = 0"
        )
        assert (await look(url, "jobs")).verdict is Verdict.OK

    async def test_those_that_fail_again_and_again(self, url: str) -> None:
        await defer(url, uuid.uuid4())
        await execute(
            url,
            "UPDATE procrastinate_jobs SET attempts = 7, scheduled_at = now() + interval '1 hour'",
        )
        examination = await look(url, "jobs")
        assert examination.verdict is Verdict.NOTE
        assert "failed several times" in examination.findings[1].what


class TestSweeps:
    async def swept(self, url: str, ago: str) -> None:
        await execute(url, "DELETE FROM procrastinate_periodic_defers")
        await execute(
            url,
            "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp)"
            f" VALUES ('sweep', extract(epoch FROM now() - interval '{ago}')::bigint)",
        )

    async def test_they_go_on(self, url: str) -> None:
        await heartbeat(url)
        assert "was never" in problem(await look(url, "sweeps")).what
        await self.swept(url, "3 minutes")
        examination = await look(url, "sweeps")
        assert examination.verdict is Verdict.OK
        assert "3 min ago" in examination.findings[0].what
        await self.swept(url, "20 minutes")
        assert "20 min ago" in problem(await look(url, "sweeps")).what

    async def test_a_worker_begins_one_at_once(self, url: str) -> None:
        async def discard(_: uuid.UUID) -> None: ...

        async def is_well() -> bool:
            return (await look(url, "sweeps")).verdict is Verdict.OK

        async with working(url, discard):
            await until(is_well, "the sweep of the minute before is made up for")

    async def test_without_a_worker_there_are_none(self, url: str) -> None:
        assert (await look(url, "sweeps")).verdict is Verdict.NOTE
        assert (await look(url, "sweeps", **PRODUCTION)).verdict is Verdict.SKIPPED

    @pytest.mark.parametrize(
        "change",
        [
            {"ends_at": timedelta(minutes=-20)},
            {"status": "failed", "remove_at": timedelta(minutes=-20)},
        ],
    )
    async def test_what_they_leave(self, url: str, change: dict[str, Any]) -> None:
        await heartbeat(url)
        await self.swept(url, "3 minutes")
        await add_file(url, ends_at=timedelta(minutes=-5))
        assert (await look(url, "sweeps")).verdict is Verdict.OK
        await add_file(url, **change)
        assert "Sweeps leave" in problem(await look(url, "sweeps")).what


async def add_file(url: str, **columns: Any) -> uuid.UUID:
    """A pending file that was asked for an hour ago; times relative to now."""
    now, file_id = datetime.now(UTC), uuid.uuid4()
    values = {
        "id": file_id,
        "owner": "alice",
        "key": f"uploads/{file_id}",
        "filename": "a.txt",
        "type": "text/plain",
        "file_size": 5,
        "method": "PUT",
        "policy": "default",
        "status": "pending",
        "created_at": timedelta(hours=-1),
        "updated_at": timedelta(hours=-1),
        "expires_at": timedelta(hours=1),
        "ends_at": timedelta(hours=1),
        "metadata": {},
        **columns,
    }
    names = [c.name for c in FileModel.ormar_config.table.columns if c.name in values]
    literals = ", ".join(_literal(values[name], now) for name in names)
    await execute(url, f"INSERT INTO files ({', '.join(names)}) VALUES ({literals})")
    return file_id


def _literal(value: Any, now: datetime) -> str:
    if isinstance(value, timedelta):
        value = (now + value).isoformat()
    return f"'{json.dumps(value) if isinstance(value, dict) else value}'"


async def arrive(url: str, actor: str, *, ago: str = "1 minute", method: str = "PUT") -> None:
    """An upload that this actor moved."""
    parts = {"part_size": 5 * 1024**2} if method == "multipart" else {}
    file_id = await add_file(url, status="uploaded", method=method, **parts)
    await execute(
        url,
        "INSERT INTO file_events (file_id, at, actor, event, from_status, to_status, detail)"
        f" VALUES ('{file_id}', now() - interval '{ago}', '{actor}', 'transition', 'pending',"
        " 'uploaded', '{}')",
    )


class TestEvents:
    WITH = {"storage_events_secret": "a-secret-of-the-store-that-nobody-knows"}  # noqa: RUF012

    async def test_nothing_is_configured(self, url: str) -> None:
        assert (await look(url, "events")).verdict is Verdict.OK
        await arrive(url, "sweep")
        examination = await look(url, "events")
        assert examination.verdict is Verdict.NOTE
        assert "1 upload " in examination.findings[0].what

    async def test_they_move_files(self, url: str) -> None:
        await arrive(url, "storage-event", ago="3 hours")
        await arrive(url, "user:alice")
        examination = await look(url, "events", **self.WITH)
        assert examination.verdict is Verdict.OK
        assert "STORAGE_EVENTS_SECRET" in examination.findings[0].what
        assert "3 h ago" in examination.findings[0].what

    async def test_none_told_of_what_a_sweep_found(self, url: str) -> None:
        await arrive(url, "sweep")
        await arrive(url, "storage-event")
        assert (await look(url, "events", **self.WITH)).verdict is Verdict.OK
        await arrive(url, "sweep")
        await arrive(url, "user:alice")
        assert "1 of the last 2 uploads" in problem(await look(url, "events", **self.WITH)).what

    async def test_parts_that_a_sweep_put_together_had_no_event(self, url: str) -> None:
        await arrive(url, "storage-event")
        await arrive(url, "sweep", method="multipart")
        assert (await look(url, "events", **self.WITH)).verdict is Verdict.OK

    async def test_what_is_long_ago_says_nothing(self, url: str) -> None:
        await arrive(url, "sweep", ago="8 days")
        assert (await look(url, "events", **self.WITH)).verdict is Verdict.OK

    async def test_clients_alone_say_little(self, url: str) -> None:
        for _ in range(19):
            await arrive(url, "user:alice")
        assert (await look(url, "events", **self.WITH)).verdict is Verdict.OK
        await arrive(url, "user:alice")
        examination = await look(url, "events", **self.WITH)
        assert examination.verdict is Verdict.NOTE
        assert "none was moved by an event" in examination.findings[0].what

    async def test_messages_that_were_parked(self, url: str) -> None:
        await execute(
            url,
            "INSERT INTO parked_storage_events (message_id, body, reason, parked_at)"
            " VALUES ('1', 'a secret body', 'no event', now() - interval '3 hours')",
        )
        finding = problem(await look(url, "events"))
        assert finding.what == "1 message of the queue parked, the oldest for 3 h."
        await execute(url, "DELETE FROM parked_storage_events")
        assert (await look(url, "events")).verdict is Verdict.OK


class TestWebhooks:
    async def add(self, url: str, **columns: str) -> uuid.UUID:
        webhook_id = uuid.uuid4()
        given = {
            "id": f"'{webhook_id}'",
            "url": "'https://example.com/?token=secret'",
            "secret": "'whsec_secret'",
            "created_at": "now()",
            "updated_at": "now()",
            "version": "1",
            **columns,
        }
        names, values = ", ".join(given), ", ".join(given.values())
        await execute(url, f"INSERT INTO webhooks ({names}) VALUES ({values})")
        return webhook_id

    async def test_all_is_well(self, url: str) -> None:
        assert (await look(url, "webhooks")).findings[0].what == "None."
        await self.add(url)
        await self.add(url, disabled_at="now()", disabled_reason=f"'{PAUSED}'")
        await self.add(url, failing_since="now()")
        examination = await look(url, "webhooks")
        assert examination.verdict is Verdict.OK
        assert "3 registered" in examination.findings[0].what

    async def test_one_is_disabled_because_it_fails(self, url: str) -> None:
        reason = "'Every attempt has failed for 3 days.'"
        broken = await self.add(
            url, disabled_at="now() - interval '2 hours'", disabled_reason=reason
        )
        finding = problem(await look(url, "webhooks"))
        assert str(broken) in finding.what
        assert "2 h (Every attempt" in finding.what
        assert "secret" not in repr(finding)

    async def test_one_fails(self, url: str) -> None:
        failing = await self.add(url, failing_since="now() - interval '5 hours'")
        examination = await look(url, "webhooks")
        assert examination.verdict is Verdict.NOTE
        assert str(failing) in examination.findings[0].what


def test_what_is_supposed_of_workers_holds() -> None:
    """A queue with its pool and a connection that listens, and another one that listens."""
    assert BESIDE_THE_POOL_OF_A_WORKER == POOL_SIZE + 2
    assert SILENT_AFTER.total_seconds() >= max(STALLED_AFTER, 3 * HEARTBEAT)
