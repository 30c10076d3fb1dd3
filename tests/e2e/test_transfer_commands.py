"""A large file up and down again from the command line, killed in the middle of each.

200 MiB by default; `BIG_FILE_MIB=2048 pytest tests/e2e/test_transfer_commands.py -s` moves 2 GiB.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.client.unfinished import PART_SIZE
from tests.e2e.running import ROOT, Service, environment, running
from tests.e2e.test_multipart import BIG_FILE_MIB, MIB, POLICIES, write_file
from tests.support.processes import DEADLINE, eventually

pytestmark = pytest.mark.usefixtures("unmeasured")

PATIENCE = 20 * DEADLINE
"""Seconds for all of the bytes."""


@dataclass
class Client:
    """Somebody at a shell, in a directory of their own."""

    directory: Path
    service: Service

    @contextmanager
    def started(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """`python -m app ARGUMENTS`, which never outlives the test."""
        given = {
            "SLIPWAY_URL": self.service.url,
            "SLIPWAY_TOKEN": self.service.token,
            "XDG_STATE_HOME": str(self.directory / "state"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=self.directory,
            env=environment(self.directory, **given, PYTHONPATH=str(ROOT)),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def run(self, *arguments: str) -> dict[str, Any]:
        """What it says of its one file."""
        with self.started(*arguments, "--json") as process:
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        return dict(json.loads(out))

    def killed(self, *arguments: str, when: Callable[[], bool], what: str) -> None:
        """The command, ended by SIGKILL once that is so."""
        with self.started(*arguments) as process:
            eventually(lambda: when() or process.poll() is not None, what)
            assert process.poll() is None, "it was too fast for us"


def held(service: Service) -> int:
    """The bytes that the store has of the only upload."""
    with service.client() as api:
        for file in api.get("/files").raise_for_status().json()["items"]:
            found = api.get(f"/files/{file['id']}/parts").raise_for_status().json()
            return int(found["uploaded_bytes"])
    return 0


def fetched(notes: Path) -> int:
    """How many ranges a download has for good."""
    return notes.read_text().count("[") if notes.exists() else 0


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_large_file_survives_a_kill_on_each_of_its_ways(tmp_path: Path) -> None:
    digest = write_file(tmp_path / "film.mp4", BIG_FILE_MIB)
    (tmp_path / "policies.toml").write_text(POLICIES)
    given = {"UPLOAD_POLICIES_FILE": str(tmp_path / "policies.toml")}
    size = BIG_FILE_MIB * MIB
    with running(tmp_path / "service", **given) as service:
        client = Client(tmp_path, service)
        begun = time.monotonic()

        client.killed("upload", "film.mp4", when=lambda: held(service) > size / 10, what="a tenth")
        there = held(service)
        assert size / 10 < there < size
        uploaded = client.run("upload", "film.mp4")
        assert uploaded["status"] == "uploaded"

        words = ["download", uploaded["id"], "-o", "back.mp4"]
        notes = tmp_path / f".slipway-{uploaded['id']}.json"
        client.killed(*words, when=lambda: fetched(notes) > 1, what="two ranges")
        assert 1 < fetched(notes) < size / PART_SIZE
        assert not (tmp_path / "back.mp4").exists()
        client.run(*words)

        seconds = time.monotonic() - begun
        assert digest_of(tmp_path / "back.mp4") == digest
        with service.client() as api:
            assert len(api.get("/files").json()["items"]) == 1
    sys.stdout.write(f"{BIG_FILE_MIB} MiB up and down in {seconds:.1f} s, SHA-256 {digest}\n")
