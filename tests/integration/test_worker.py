"""Jobs on a real queue: done once, again when they fail, elsewhere when their worker dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio
import uuid_utils.compat
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from app.exceptions.errors import NotFound, NotReady, StorageUnavailable
from app.infrastructure.metrics import Metrics
from app.worker import stalled, supervisor
from app.worker.backoff import ATTEMPTS, DEFECT_ATTEMPTS, FIRST_DELAY, JITTER
from tests.support.cable import Cable
from tests.support.databases import execute
from tests.support.workers import defer, queued, until, working


@pytest_asyncio.fixture
async def url(own_database_url: str) -> str:
    return own_database_url


@pytest_asyncio.fixture
async def cable(url: str) -> AsyncIterator[Cable]:
    socket = f"{make_url(url).query['host']}/.s.PGSQL.5432"
    async with Cable(lambda: asyncio.open_unix_connection(socket)) as cable:
        yield cable


def through(url: str, cable: Cable) -> str:
    wired = make_url(url).set(query={}, host="127.0.0.1", port=cable.port)
    return wired.render_as_string(hide_password=False)


class Work:
    """A job that notes its files, and ends as it is told."""

    def __init__(self, *outcomes: BaseException) -> None:
        self.done: list[UUID] = []
        self.begun = asyncio.Event()
        self._outcomes = list(outcomes)

    async def __call__(self, file_id: UUID) -> None:
        self.begun.set()
        if self._outcomes:
            raise self._outcomes.pop(0)
        self.done.append(file_id)


class Held(Work):
    """A job that lasts until it is let go, or is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def __call__(self, file_id: UUID) -> None:
        self.begun.set()
        await self.let_go.wait()
        await super().__call__(file_id)


def new_file() -> UUID:
    return uuid_utils.compat.uuid7()


async def is_empty(url: str) -> bool:
    return not await queued(url)


async def statuses(url: str) -> list[str]:
    return [job["status"] for job in await queued(url)]


def metric(metrics: Metrics, line: str) -> bool:
    return line in metrics.expose()[0].decode()


async def test_a_job_is_done_and_forgotten(url: str) -> None:
    work, metrics, file_id = Work(), Metrics(), new_file()
    async with working(url, work, metrics=metrics):
        await defer(url, file_id)
        await until(lambda: is_empty(url), "the job is done")
    assert work.done == [file_id]
    assert metric(metrics, 'slipway_jobs_total{job="discard",outcome="done"} 1.0')
    assert metric(metrics, 'slipway_job_seconds_count{job="discard"} 1.0')


async def test_a_job_of_the_release_before_leaves_the_queue(url: str) -> None:
    former = """SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW('webhooks', 'deliver', 0, 'webhook:file', NULL, '{"delivery_id": 1}', NULL)
    ]::procrastinate_job_to_defer_v1[])"""
    await execute(url, former)

    async def is_gone() -> bool:
        left = "SELECT FROM procrastinate_jobs WHERE queue_name = 'webhooks'"
        return await execute(url, left) == []

    async with working(url, Work()):
        await until(is_gone, "nobody waits for it any more")


async def test_a_failed_job_runs_again_later(url: str) -> None:
    metrics, file_id = Metrics(), new_file()
    before = datetime.now(UTC)
    with capture_logs() as lines:
        async with working(url, Work(StorageUnavailable("down")), metrics=metrics):
            await defer(url, file_id)
            await until(lambda: attempted(url), "it has been tried")
    [job] = await queued(url)
    assert (job["status"], job["attempts"]) == ("todo", 1)
    shortest, longest = FIRST_DELAY * (1 - JITTER), FIRST_DELAY * (1 + JITTER)
    assert before + shortest <= job["scheduled_at"] <= datetime.now(UTC) + longest
    assert metric(metrics, 'slipway_jobs_total{job="discard",outcome="retried"} 1.0')
    [line] = [line for line in lines if line["event"] == "job_retried"]
    assert (line["log_level"], line["error"]) == ("warning", "StorageUnavailable")
    assert line["exc_info"] is None


async def attempted(url: str) -> bool:
    return [job["attempts"] for job in await queued(url)] == [1]


@pytest.mark.parametrize(
    ("error", "before"),
    [(StorageUnavailable("down"), ATTEMPTS - 1), (ZeroDivisionError(), DEFECT_ATTEMPTS - 1)],
)
async def test_a_job_that_keeps_failing_ends_visibly(
    url: str, error: Exception, before: int
) -> None:
    metrics, file_id = Metrics(), new_file()
    await defer(url, file_id)
    await execute(url, f"UPDATE procrastinate_jobs SET attempts = {before}")
    with capture_logs() as lines:
        async with working(url, Work(error), metrics=metrics):
            await until(lambda: has_failed(url), "it has failed for good")
    assert metric(metrics, 'slipway_jobs_total{job="discard",outcome="failed"} 1.0')
    [line] = [line for line in lines if line["event"] == "job_failed"]
    assert (line["log_level"], line["error"]) == ("error", type(error).__name__)


async def has_failed(url: str) -> bool:
    return await statuses(url) == ["failed"]


async def test_the_lines_of_a_run_name_its_job(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.infrastructure.logging import configure_logging
    from app.settings import Settings

    configure_logging(Settings(_env_file=None, log_format="json"))
    file_id = new_file()
    await defer(url, file_id)
    [job] = await queued(url)
    async with working(url, Work(StorageUnavailable("down"))):
        await until(lambda: attempted(url), "it has been tried")
    [line] = [text for text in capsys.readouterr().err.splitlines() if "job_retried" in text]
    assert f'"file_id":"{file_id}"' in line
    assert f'"job_id":{job["id"]}' in line
    assert '"job":"discard"' in line


async def test_a_job_whose_file_is_gone_is_done(url: str) -> None:
    await defer(url, new_file())
    async with working(url, Work(NotFound("There is no such file."))):
        await until(lambda: is_empty(url), "there is nothing to do")


async def test_a_name_that_no_code_knows_is_kept(url: str) -> None:
    """A newer release may have left it; that one's workers run it once somebody says `retry`."""
    await defer(url, new_file(), name="from-the-future")
    async with working(url, Work()):
        await until(lambda: has_failed(url), "it has failed")


async def test_two_workers_do_each_job_once_and_one_file_at_a_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "POLL_INTERVAL", 0.02)  # what finds a job that was locked
    ids = [new_file() for _ in range(60)]
    runs: Counter[UUID] = Counter()
    busy, overlaps = set(), []

    async def work(file_id: UUID) -> None:
        lock = ids.index(file_id) % 3
        if lock in busy:
            overlaps.append(file_id)
        busy.add(lock)
        await asyncio.sleep(0)
        busy.discard(lock)
        runs[file_id] += 1

    for lock in range(3):
        await defer(url, *ids[lock::3], lock=str(lock))
    async with working(url, work), working(url, work):
        await until(lambda: is_empty(url), "all are done")
    assert runs == Counter(ids)
    assert overlaps == []


async def test_a_stopping_worker_finishes_what_it_has_begun(url: str) -> None:
    work, file_id = Held(), new_file()
    await defer(url, file_id)
    async with working(url, work) as worker:
        await work.begun.wait()
        worker.stop()
        await defer(url, new_file())
        work.let_go.set()
    assert work.done == [file_id]
    assert await statuses(url) == ["todo"]


async def test_what_does_not_end_in_time_runs_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT", 0.1)
    file_id = new_file()
    await defer(url, file_id)
    work = Held()
    async with working(url, work):
        await work.begun.wait()
    [job] = await queued(url)
    assert (job["status"], work.done) == ("todo", [])
    assert job["scheduled_at"] <= datetime.now(UTC)

    again = Work()
    async with working(url, again):
        await until(lambda: is_empty(url), "another worker does it")
    assert again.done == [file_id]


async def test_a_job_of_a_dead_worker_runs_again(url: str) -> None:
    file_id, work = new_file(), Work()
    await defer(url, file_id)
    await begun_by_a_dead_worker(url)
    async with working(url, work):
        await until(lambda: is_empty(url), "it is done by another")
    assert work.done == [file_id]


async def begun_by_a_dead_worker(url: str) -> None:
    """Every waiting job, by a worker that gave no sign of life for a minute."""
    await execute(
        url,
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - interval '1 minute') RETURNING id)"
        " UPDATE procrastinate_jobs SET status = 'doing', worker_id = dead.id FROM dead",
    )


async def test_a_job_of_a_living_worker_is_left_to_it(url: str) -> None:
    held, other = Held(), Work()
    await defer(url, new_file())
    async with working(url, held):
        await held.begun.wait()
        async with working(url, other):
            await until(lambda: ran(url, "retry_stalled"), "it was looked for")
        assert await statuses(url) == ["doing"]
        held.let_go.set()
    assert other.done == []


async def ran(url: str, name: str) -> bool:
    """Whether a periodic job of that name was deferred and is done."""
    [row] = await execute(
        url,
        "SELECT EXISTS (SELECT FROM procrastinate_periodic_defers"
        f" WHERE task_name = '{name}' AND job_id IS NULL)",
    )
    return bool(row[0])


async def test_a_job_that_takes_every_worker_with_it_ends(url: str) -> None:
    await defer(url, new_file())
    await execute(url, f"UPDATE procrastinate_jobs SET attempts = {ATTEMPTS - 1}")
    await begun_by_a_dead_worker(url)
    with capture_logs() as lines:
        async with working(url, Work()):
            await until(lambda: has_failed(url), "it has failed for good")
    [line] = [line for line in lines if line["event"] == "job_failed"]
    assert line["log_level"] == "error"
    assert {"job", "job_id", "file_id"} <= line.keys()


async def test_a_dead_sweep_does_not_hold_up_the_next(url: str) -> None:
    """It holds the lock, and cannot go back into the queue, where the next one waits for it."""
    await execute(
        url,
        "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('maintenance', 'sweep', 0, 'sweep', 'sweep',"
        " '{\"timestamp\": 1}', NULL)]::procrastinate_job_to_defer_v1[])",
    )
    await begun_by_a_dead_worker(url)
    swept = asyncio.Event()

    async def sweep() -> Mapping[str, int]:
        swept.set()
        return {}

    async with working(url, Work(), sweep=sweep):
        await asyncio.wait_for(swept.wait(), 60)


async def test_the_first_sweep_is_that_of_the_minute_which_has_begun(url: str) -> None:
    """A worker that starts does not wait for the next."""
    swept, started_at = asyncio.Event(), datetime.now(UTC)

    async def sweep() -> Mapping[str, int]:
        swept.set()
        return {}

    async with working(url, Work(), sweep=sweep):
        await asyncio.wait_for(swept.wait(), 120)
    [[first]] = await execute(
        url,
        "SELECT to_timestamp(min(defer_timestamp)) FROM procrastinate_periodic_defers"
        " WHERE task_name = 'sweep'",
    )
    assert first <= started_at


@pytest.mark.parametrize(
    ("error", "outcome"), [(StorageUnavailable("down"), "postponed"), (KeyError(), "failed")]
)
async def test_a_failed_sweep_leaves_no_row(url: str, error: Exception, outcome: str) -> None:
    metrics = Metrics()

    async def sweep() -> Mapping[str, int]:
        raise error

    async with working(url, Work(), sweep=sweep, metrics=metrics):
        await until(lambda: ran(url, "sweep"), "it was tried")
    assert metric(metrics, f'slipway_jobs_total{{job="sweep",outcome="{outcome}"}}')
    # Another minute may have begun, whose sweep waits.
    tried = "task_name = 'sweep' AND (attempts > 0 OR status <> 'todo')"
    assert not await execute(url, f"SELECT FROM procrastinate_jobs WHERE {tried}")


async def test_the_database_is_down_at_the_start(url: str, cable: Cable) -> None:
    work, file_id = Work(), new_file()
    await defer(url, file_id)
    await cable.cut()
    async with working(through(url, cable), work) as worker:
        await until(lambda: is_resting(worker), "it has tried")
        await cable.mend()
        await until(lambda: is_empty(url), "it does the job")
        await worker.ping()
    assert work.done == [file_id]


async def is_resting(worker: supervisor.Supervisor) -> bool:
    try:
        await worker.ping()
    except NotReady:
        return True
    return False


async def test_the_database_goes_away_and_comes_back(
    url: str, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a job, whose end can then not be written down: it is done again."""
    monkeypatch.setattr(stalled, "STALLED_AFTER", 1.0)
    work, file_id = Held(), new_file()
    await defer(url, file_id)
    async with working(through(url, cable), work) as worker:
        await work.begun.wait()
        [before] = await queued(url)
        await cable.cut()
        work.let_go.set()
        await until(lambda: is_resting(worker), "it notices")
        await cable.mend()
        await until(lambda: is_empty(url), "it does the job again")
    assert work.done == [file_id, file_id]
    assert before["status"] == "doing"


async def test_a_silent_database_does_not_hold_up_a_stop(
    url: str, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STOP_TIMEOUT", "CLOSING_TIMEOUT"):
        monkeypatch.setattr(supervisor, name, 0.2)
    work = Held()
    await defer(url, new_file())
    async with working(through(url, cable), work):
        await work.begun.wait()
        cable.freeze()
    assert await statuses(url) == ["doing"]
    cable.thaw()
    # In a worker the process ends here; what is left of it must not outlive the test's loop.
    work.let_go.set()
    await until(no_job_runs, "the job that was given up has ended")


async def no_job_runs() -> bool:
    return not any(task.get_name().startswith("process job") for task in asyncio.all_tasks())
