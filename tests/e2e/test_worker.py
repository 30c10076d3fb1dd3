"""Worker processes: killed in the middle of a job, stopped, and kept beside the API."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import pytest_asyncio

from app.cli.server import resolved_environment
from app.domain.file import FileStatus
from app.domain.job import Job, JobName
from app.infrastructure.embedded.processes import has_ended
from app.repository.file_storage_repository import FileStorageRepository
from app.settings import Settings
from tests.e2e.running import COMMAND, Service, environment, running, started
from tests.e2e.test_run import PRODUCTION, assert_gone
from tests.support.cable import Cable
from tests.support.databases import execute, opened
from tests.support.processes import DEADLINE, eventually, free_port
from tests.support.records import a_creation, a_record
from tests.support.workers import queued, until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def worker(directory: Path, settings: Settings, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m app worker` with these settings, its probes on `port`."""
    directory.mkdir(exist_ok=True)
    given = resolved_environment(settings, Settings(_env_file=None))
    with (directory / "err").open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "worker"],
            cwd=directory,
            env=environment(directory / "data", **given, WORKER_PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest_asyncio.fixture
async def store_cable(settings: Settings) -> AsyncIterator[Cable]:
    address = urlsplit(str(settings.s3_endpoint_url))
    async with Cable(lambda: asyncio.open_connection(address.hostname, address.port)) as cable:
        yield cable


async def refused(settings: Settings, s3: "S3Client") -> str:
    """The key of an object in the store whose file has failed, with the job to remove it."""
    record = a_record()
    await asyncio.to_thread(s3.put_object, Bucket=settings.s3_bucket, Key=record.key, Body=b"wrong")
    failed = replace(record, status=FileStatus.FAILED, failed_at=record.created_at)
    async with opened(_url(settings)) as database:
        repository = FileStorageRepository(database)
        await repository.insert(record, a_creation(record))
        job = Job(name=JobName.DISCARD, file_id=record.id)
        assert await repository.move(record, failed, [], [job])
    return record.key


def _url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


async def _is_doing(url: str) -> bool:
    return [job["status"] for job in await queued(url)] == ["doing"]


async def _is_empty(url: str) -> bool:
    return not await queued(url)


def _stored(settings: Settings, s3: "S3Client", key: str) -> bool:
    return "Contents" in s3.list_objects_v2(Bucket=settings.s3_bucket, Prefix=key)


async def test_a_job_outlives_the_worker_that_is_killed_in_the_middle_of_it(
    settings: Settings, admin_s3: "S3Client", store_cable: Cable, tmp_path: Path
) -> None:
    url = _url(settings)
    cabled = settings.model_copy(
        update={"s3_endpoint_url": f"http://127.0.0.1:{store_cable.port}", "s3_timeout": 60}
    )
    key = await refused(settings, admin_s3)
    store_cable.freeze()
    with worker(tmp_path / "first", cabled, 0) as first:
        await until(lambda: _is_doing(url), "it waits for the store")
        first.kill()
        first.wait()
    await store_cable.cut()  # with what it holds back: the store never hears of the first try
    assert await _is_doing(url)
    assert _stored(settings, admin_s3, key)

    await execute(url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 h'")
    with worker(tmp_path / "second", settings, 0):
        await until(lambda: _is_empty(url), "another worker does it")
    assert not _stored(settings, admin_s3, key)


def test_its_probes_and_its_end(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        worker(tmp_path, settings, port) as process,
        httpx.Client(trust_env=False, verify=False, timeout=60) as http,
    ):
        eventually(lambda: _status(http, f"{url}/readyz") == 200, "it is ready")
        assert http.get(f"{url}/healthz").json() == {"status": "ok"}
        checks = http.get(f"{url}/readyz").json()["checks"]
        parts = ("database", "migrations", "storage", "worker", "webhooks")
        assert checks == dict.fromkeys(parts, "ok")
        eventually(
            lambda: 'outcome="done"' in http.get(f"{url}/metrics").text, "it does periodic jobs"
        )
        assert http.get(f"{url}/files").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def _status(http: httpx.Client, url: str) -> int:
    try:
        return http.get(url).status_code
    except httpx.TransportError:
        return 0


def test_a_worker_without_a_database_is_refused(tmp_path: Path) -> None:
    refusal = subprocess.run(
        [sys.executable, "-m", "app", "worker"],
        cwd=tmp_path,
        env=environment(tmp_path / "data"),
        capture_output=True,
        check=False,
        text=True,
    )
    assert (refusal.returncode, refusal.stderr.count("\n")) == (2, 1)
    assert "DATABASE_URL" in refusal.stderr


def workers_of(service: Service) -> list[psutil.Process]:
    return [
        child
        for child in service.process.children()
        if not has_ended(child) and "worker" in child.cmdline()
    ]


def test_serve_keeps_a_worker_until_it_ends(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        eventually(lambda: service.errors.count("worker_started") == 1, "the worker starts")
        [first] = workers_of(service)
        first.kill()
        eventually(lambda: service.errors.count("worker_started") == 2, "it is started again")
        [second] = workers_of(service)
        assert second.pid != first.pid
        assert "--parent" in second.cmdline()
        listed = subprocess.run(
            [sys.executable, "-m", "app", "jobs", "list", "--json"],
            cwd=tmp_path,
            env=environment(service.data_dir),
            capture_output=True,
            check=False,
            text=True,
        )
        assert (listed.returncode, listed.stdout) == (0, "[]\n"), listed.stderr
        family, url = service.descendants(), service.url
        service.process.send_signal(signal.SIGINT)
        assert service.wait_until_ended() == 0
        assert "worker_stopped" in service.errors
        assert_gone(family, url)


def test_the_worker_dies_with_a_service_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        eventually(lambda: "worker_started" in service.errors, "the worker starts")
        family, url = service.descendants(), service.url
        service.process.kill()
        service.process.wait()
        assert_gone(family, url)


@pytest.mark.parametrize(("options", "workers"), [((), 0), (("--worker",), 1)])
def test_in_production_only_when_asked(
    options: tuple[str, ...], workers: int, tmp_path: Path
) -> None:
    port = free_port()
    given = {**PRODUCTION, "S3_ACCESS_KEY": "any", "S3_SECRET_KEY": "any", "PORT": str(port)}
    with started(tmp_path, [*COMMAND, *options], **given) as service:
        with httpx.Client(trust_env=False, verify=False, timeout=60) as http:
            address = f"http://127.0.0.1:{port}/healthz"
            eventually(lambda: _status(http, address) == 200, "the API answers")
        if workers:
            eventually(lambda: "worker_started" in service.errors, "the worker starts")
        assert len(workers_of(service)) == workers
