"""What an operator sees of the queue, and can do about it."""

import json
import sys
from typing import Any

import pytest
import uuid_utils.compat

from app.cli import main
from app.repository import job_repository
from app.repository.job_repository import JobRepository
from tests.support.databases import execute, opened
from tests.support.workers import defer


class Terminal:
    """Types `python -m app jobs …`."""

    def __init__(
        self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("DATABASE_URL", url)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["app", "jobs", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output = self._capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err


@pytest.fixture
def jobs(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(own_database_url, monkeypatch, capsys)


async def with_jobs(url: str, *statuses: str) -> list[int]:
    """A job of each status, as tried three times; their ids."""
    await defer(url, *(uuid_utils.compat.uuid7() for _ in statuses))
    rows = await execute(url, "SELECT id FROM procrastinate_jobs ORDER BY id")
    for row, status in zip(rows, statuses, strict=True):
        await execute(
            url,
            f"UPDATE procrastinate_jobs SET status = '{status}', attempts = 3"
            f" WHERE id = {row['id']}",
        )
    return [row["id"] for row in rows]


async def state(url: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in await execute(
            url, "SELECT id, status::text, attempts FROM procrastinate_jobs ORDER BY id"
        )
    ]


async def in_a_thread(command: Terminal, *arguments: str) -> tuple[int, str, str]:
    """Commands run an event loop of their own."""
    import asyncio

    return await asyncio.to_thread(command, *arguments)


async def test_list_shows_what_has_failed(own_database_url: str, jobs: Terminal) -> None:
    _, failed, _ = await with_jobs(own_database_url, "todo", "failed", "doing")
    code, output, _ = await in_a_thread(jobs, "list")
    header, line = output.splitlines()
    assert (code, header.split()) == (
        0,
        ["ID", "JOB", "STATUS", "ATTEMPTS", "NOT", "BEFORE", "FILE"],
    )
    assert line.split()[:4] == [str(failed), "discard", "failed", "3"]


async def test_list_speaks_json(own_database_url: str, jobs: Terminal) -> None:
    todo, more, _ = await with_jobs(own_database_url, "todo", "todo", "failed")
    _, output, _ = await in_a_thread(jobs, "list", "--status", "todo", "--json")
    assert [job["id"] for job in json.loads(output)] == [todo, more]
    names = {"id", "name", "status", "attempts", "at", "file_id", "changed_at"}
    assert json.loads(output)[0].keys() == names
    _, output, _ = await in_a_thread(jobs, "list", "--status", "todo", "--json", "--limit", "1")
    assert [job["id"] for job in json.loads(output)] == [todo]


async def test_retry_runs_one_again_from_its_first_attempt(
    own_database_url: str, jobs: Terminal
) -> None:
    first, second = await with_jobs(own_database_url, "failed", "failed")
    assert await in_a_thread(jobs, "retry", str(second)) == (0, "1 to run again\n", "")
    assert await state(own_database_url) == [(first, "failed", 3), (second, "todo", 0)]


async def test_retry_runs_all_again(own_database_url: str, jobs: Terminal) -> None:
    first, second, third = await with_jobs(own_database_url, "failed", "failed", "doing")
    assert await in_a_thread(jobs, "retry", "--all-failed") == (0, "2 to run again\n", "")
    assert await state(own_database_url) == [
        (first, "todo", 0),
        (second, "todo", 0),
        (third, "doing", 3),
    ]


async def test_retry_runs_beside_what_waits_of_the_same_kind(
    own_database_url: str, jobs: Terminal
) -> None:
    """A worker of a release that does not know a periodic job fails it, and the next one waits."""
    with_locks = """
        INSERT INTO procrastinate_jobs (queue_name, task_name, status, lock, queueing_lock)
        SELECT 'maintenance', 'sweep', status::procrastinate_job_status, 'sweep', 'sweep'
        FROM unnest(ARRAY['failed', 'failed', 'todo']) AS job (status)
    """
    await execute(own_database_url, with_locks)
    assert await in_a_thread(jobs, "retry", "--all-failed") == (0, "2 to run again\n", "")
    assert {status for _, status, _ in await state(own_database_url)} == {"todo"}


async def test_retry_says_what_it_could_not(own_database_url: str, jobs: Terminal) -> None:
    failed, doing = await with_jobs(own_database_url, "failed", "doing")
    code, output, errors = await in_a_thread(jobs, "retry", str(failed), str(doing), "9999")
    assert (code, output) == (1, "1 to run again\n")
    assert errors == f"slipway: not among the failed jobs: {doing}, 9999\n"


@pytest.mark.parametrize("arguments", [(), ("1", "--all-failed")])
async def test_retry_wants_to_know_which(jobs: Terminal, arguments: tuple[str, ...]) -> None:
    code, _, errors = await in_a_thread(jobs, "retry", *arguments)
    assert code == 2
    assert "--all-failed" in errors


async def test_a_database_that_is_down_is_one_line(
    jobs: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/slipway")
    code, _, errors = await in_a_thread(jobs, "list")
    assert (code, errors.count("\n")) == (2, 1)


async def test_counts_stop_somewhere(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_jobs(own_database_url, "todo", "failed", "failed", "succeeded")
    async with opened(own_database_url) as database:
        queue = JobRepository(database)
        assert await queue.counts() == {("discard", "todo"): 1, ("discard", "failed"): 2}
        await execute(
            own_database_url,
            "INSERT INTO procrastinate_jobs (queue_name, task_name)"
            f" SELECT 'files', 'discard' FROM generate_series(0, {job_repository.COUNTED})",
        )
        counts = await queue.counts()
    assert counts["discard", "todo"] == job_repository.COUNTED


async def test_the_failed_are_found_by_an_index(own_database_url: str) -> None:
    await execute(
        own_database_url,
        "INSERT INTO procrastinate_jobs (queue_name, task_name)"
        " SELECT 'files', 'discard' FROM generate_series(1, 20000)",
    )
    await execute(own_database_url, "ANALYZE procrastinate_jobs")
    plan = await execute(own_database_url, f"EXPLAIN {job_repository._COUNTS}")
    assert "ix_procrastinate_jobs_failed" in "".join(row[0] for row in plan)
