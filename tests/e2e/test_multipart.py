"""A large file in sixteen parallel parts, while the service and its uploader are killed.

200 MiB by default; `BIG_FILE_MIB=3072 pytest tests/e2e/test_multipart.py -s` sends 3 GiB.
"""

import asyncio
import hashlib
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.infrastructure.embedded.postgres import EmbeddedPostgres
from tests.e2e.running import ROOT, Service, environment, running
from tests.support.databases import execute
from tests.support.processes import eventually, free_port

pytestmark = pytest.mark.usefixtures("unmeasured")

MIB = 1024**2
BIG_FILE_MIB = int(os.environ.get("BIG_FILE_MIB", "200"))
PART_MIB = 5

POLICIES = f"""
[policies.default]
part_size = "{PART_MIB} MiB"
"""

BRIEF = f"""
[policies.default]
part_size = "{PART_MIB} MiB"
expires_in = 5
pending_grace = 0
multipart_grace = 0
"""


def write_file(path: Path, mib: int) -> str:
    """Random bytes, no two MiB alike; returns their SHA-256."""
    block, digest = bytearray(random.Random(1).randbytes(MIB)), hashlib.sha256()
    with path.open("wb") as file:
        for number in range(mib):
            block[:8] = number.to_bytes(8, "big")
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def digest_of(service: Service, file_id: str) -> str:
    """SHA-256 of what a download yields."""
    with service.client() as api:
        url = api.post(f"/files/{file_id}/download-url", json={}).raise_for_status().json()["url"]
    digest = hashlib.sha256()
    with httpx.stream("GET", url, trust_env=False, timeout=60) as answer:
        for chunk in answer.raise_for_status().iter_bytes(MIB):
            digest.update(chunk)
    return digest.hexdigest()


def look(service: Service, file_id: str) -> dict[str, Any]:
    with service.client() as api:
        return dict(api.get(f"/files/{file_id}").raise_for_status().json())


@dataclass
class Uploader:
    """A client process, and what it has said in all its lives."""

    file: Path
    directory: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def _gate(self) -> Path:
        return self.directory / "gate"

    @property
    def said(self) -> list[str]:
        return (self.directory / "said").read_text().splitlines()

    @property
    def file_id(self) -> str:
        return self.said[0]

    @property
    def sent(self) -> list[str]:
        """The parts of whose arrival it was told."""
        return [line for line in self.said if line.startswith("part ")]

    def start(self, service: Service, *options: str) -> None:
        command = [sys.executable, "-m", "tests.support.uploader"]
        with (self.directory / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [*command, service.url, str(self.file), "the film", *options],
                cwd=ROOT,
                env=environment(self.directory, TOKEN=service.token, GATE=str(self._gate)),
                stdout=said,
            )

    def may_send(self, share: float) -> None:
        """However fast it is, no more of the file than that."""
        parts = self.file.stat().st_size / (PART_MIB * MIB)
        self._gate.write_text(str(math.ceil(share * parts)))

    def until_held(self, service: Service, share: float) -> None:
        """So much of the file has arrived, and it is at work on some more."""
        self.may_send(min(share + 0.15, 0.95))
        size = self.file.stat().st_size
        with service.client() as api:
            eventually(lambda: self._held(api) >= share * size, f"{share:.0%} has arrived")
            assert self._held(api) < size

    def _held(self, api: httpx.Client) -> int:
        if not self.said:
            return 0
        answer = api.get(f"/files/{self.file_id}/parts").raise_for_status()
        return int(answer.json()["uploaded_bytes"])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def has_ended_well(self) -> bool:
        assert self.process is not None
        return self.process.wait(timeout=600) == 0


@contextmanager
def uploader(file: Path, directory: Path) -> Iterator[Uploader]:
    uploader = Uploader(file, directory)
    (directory / "said").touch()
    uploader.may_send(1)
    try:
        yield uploader
    finally:
        if uploader.process is not None:
            uploader.kill()


async def sweep_now(service: Service) -> None:
    """What the worker does to itself at every full minute."""
    job = "ROW('maintenance', 'sweep', 0, NULL, NULL, '{\"timestamp\": 0}', NULL)"
    url = EmbeddedPostgres(service.data_dir / "postgres").url
    await execute(
        url, f"SELECT procrastinate_defer_jobs_v1(ARRAY[{job}::procrastinate_job_to_defer_v1])"
    )


def kill(service: Service) -> None:
    """With its engines and its worker, which die with it."""
    service.process.kill()
    service.process.wait()


def test_a_large_file_survives_two_kills_of_each_side(tmp_path: Path) -> None:
    digest = write_file(tmp_path / "film.mp4", BIG_FILE_MIB)
    (tmp_path / "policies.toml").write_text(POLICIES)
    given = {"UPLOAD_POLICIES_FILE": str(tmp_path / "policies.toml"), "PORT": str(free_port())}
    begun = time.monotonic()

    with uploader(tmp_path / "film.mp4", tmp_path) as client:
        with running(tmp_path / "service", **given) as service:
            client.may_send(0)
            client.start(service)
            client.until_held(service, 0.1)
            client.kill()
            client.start(service)
            client.until_held(service, 0.3)
            kill(service)
        with running(tmp_path / "service", **given) as service:
            client.until_held(service, 0.5)
            client.kill()
            client.start(service)
            client.until_held(service, 0.7)
            kill(service)
        with running(tmp_path / "service", **given) as service:
            client.may_send(1)
            assert client.has_ended_well()
            seconds = time.monotonic() - begun
            arrived = look(service, client.file_id)
            assert (arrived["status"], arrived["file_size"]) == ("completed", BIG_FILE_MIB * MIB)
            assert digest_of(service, client.file_id) == digest
    assert len(set(client.sent)) == len(client.sent), "what had arrived was not sent again"
    assert len({line for line in client.said if line not in client.sent}) == 1, "one upload only"
    sys.stdout.write(f"{BIG_FILE_MIB} MiB in {seconds:.1f} s, SHA-256 {digest} on both sides\n")


def test_an_upload_whose_client_vanished_is_finished_by_the_sweep(tmp_path: Path) -> None:
    digest = write_file(tmp_path / "film.mp4", 11)
    (tmp_path / "policies.toml").write_text(BRIEF)
    given = {"UPLOAD_POLICIES_FILE": str(tmp_path / "policies.toml")}
    with (
        uploader(tmp_path / "film.mp4", tmp_path) as client,
        running(tmp_path / "service", **given) as service,
    ):
        client.start(service, "--vanish")
        assert client.has_ended_well()
        ends = datetime.fromisoformat(look(service, client.file_id)["expires_at"])
        eventually(lambda: datetime.now(UTC) > ends, "the upload has ended")
        asyncio.run(sweep_now(service))
        eventually(
            lambda: look(service, client.file_id)["status"] == "uploaded", "the sweep comes by"
        )
        assert digest_of(service, client.file_id) == digest
        with service.client() as api:
            trail = api.get(f"/files/{client.file_id}/events").json()["items"]
        assert [event["actor"] for event in trail if event["to"] == "uploaded"] == ["sweep"]
