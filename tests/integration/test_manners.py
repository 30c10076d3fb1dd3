"""What all the commands have in common: how they end, whatever happens to them."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from app.cli.server import resolved_environment
from app.database.engine import dsn
from app.database.migrate import ADVISORY_LOCK
from app.settings import Settings
from tests.e2e.running import environment
from tests.support.databases import execute, scratch_database
from tests.support.processes import DEADLINE
from tests.support.workers import until

BESIDE = [("jobs", "list"), ("events", "list"), ("reconcile",)]
"""The commands that ask the database."""

EXPLAIN = ("explain", "--url", "https://bucket.example/key")

BUFFERED = {"PYTHONUNBUFFERED": ""}
"""As in a shell, whatever it is here."""

NOBODY = "postgresql://nobody:sesame@127.0.0.1:9/none"


@pytest.fixture
def command(settings: Settings, tmp_path: Path) -> "Command":
    given = resolved_environment(settings, Settings(_env_file=None))
    return Command(tmp_path, given)


class Command:
    """Types `python -m app …` into a shell."""

    def __init__(self, directory: Path, given: dict[str, str]) -> None:
        self._directory = directory
        self._given = given

    def __call__(self, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
        with self.started(*words, **given) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    @contextlib.contextmanager
    def started(self, *words: str, **given: str) -> Iterator["subprocess.Popen[str]"]:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *words],
            cwd=self._directory,
            env=environment(self._directory / "data", **(BUFFERED | self._given | given)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("words", [*BESIDE, ("migrate",)], ids=" ".join)
def test_a_database_that_is_down_is_one_line(command: Command, words: tuple[str, ...]) -> None:
    ended = command(*words, DATABASE_URL=NOBODY)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (ended.stderr.count("\n"), "database" in ended.stderr) == (1, True), ended.stderr
    assert "sesame" not in ended.stderr


@pytest.mark.parametrize("words", [("bucket",), ("reconcile",)], ids=" ".join)
def test_a_store_that_is_down_is_one_line(command: Command, words: tuple[str, ...]) -> None:
    ended = command(*words, S3_ENDPOINT_URL="http://127.0.0.1:9", S3_TIMEOUT="3")
    assert ended.returncode == 2
    said = [line for line in ended.stderr.splitlines() if line.startswith("slipway: ")]
    assert len(said) == 1
    assert "Traceback" not in ended.stderr


async def test_a_database_without_migrations_is_one_line(
    command: Command, postgres_url: str
) -> None:
    async with scratch_database(postgres_url) as url:
        for words in BESIDE:
            ended = command(*words, DATABASE_URL=url)
            assert (ended.returncode, ended.stdout) == (2, "")
            assert "python -m app migrate" in ended.stderr
            assert ended.stderr.count("\n") == 1


async def test_migrate_says_what_it_applies(command: Command, postgres_url: str) -> None:
    async with scratch_database(postgres_url) as url:
        first = command("migrate", DATABASE_URL=url)
        assert first.returncode == 0, first.stderr
        *applied, last = first.stdout.splitlines()
        assert applied
        assert all(line.startswith("applied ") for line in applied)
        assert last == "The database is up to date."
        again = command("migrate", "--json", DATABASE_URL=url)
        assert (again.returncode, json.loads(again.stdout)) == (0, {"applied": []})


@pytest.mark.parametrize(
    ("words", "obstacle"),
    [
        (("jobs", "list"), "LOCK TABLE procrastinate_jobs"),
        (("events", "list"), "LOCK TABLE parked_storage_events"),
        (("reconcile",), "LOCK TABLE files"),
        (("migrate",), f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"),
    ],
)
async def test_ctrl_c_ends_with_130(
    command: Command, own_database_url: str, words: tuple[str, ...], obstacle: str
) -> None:
    """In the middle of a statement that somebody's lock holds up."""
    given = {"DATABASE_URL": own_database_url, "DATABASE_TIMEOUT": "60"}
    async with in_the_way(own_database_url, obstacle):
        with command.started(*words, **given) as process:
            await until(lambda: somebody_waits(own_database_url), "it waits for the lock")
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.to_thread(process.communicate, timeout=DEADLINE)
    assert (process.returncode, out, err) == (130, "", "")


@contextlib.asynccontextmanager
async def in_the_way(url: str, statement: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(dsn(url))
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def somebody_waits(url: str) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
    return bool(await execute(url, f"{waiting} current_database()"))


@pytest.mark.parametrize(
    "words", [("events", "list"), ("events", "list", "--json"), ("openapi",), EXPLAIN]
)
async def test_a_reader_that_goes_is_no_error(command: Command, words: tuple[str, ...]) -> None:
    with command.started(*words) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_streams_that_the_parent_closed_are_no_defect(tmp_path: Path, closed: str) -> None:
    line = f'"$0" -m app explain --url https://bucket.example/key {closed}'
    ended = subprocess.run(
        ["sh", "-c", line, sys.executable],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
