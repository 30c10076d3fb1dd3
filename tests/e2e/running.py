"""The service as `make run` starts it: a process of its own, with its own data directory."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from app.settings import Settings
from tests.support.processes import DEADLINE, engines_of, eventually

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "app", "serve")
LAST_LINE = "Ctrl-C stops everything."


def environment(data_dir: Path, **given: str) -> dict[str, str]:
    """Ours without any setting of Slipway's, and those given; port 0 picks a free one."""
    settings = {name.upper() for name in Settings.model_fields}
    bare = {name: value for name, value in os.environ.items() if name not in settings}
    ours = {"PYTHONPATH": str(ROOT), "DATA_DIR": str(data_dir), "PORT": "0"}
    # What a killed service leaves in the temporary directory goes with the test's own.
    return {**bare, **ours, "TMPDIR": str(data_dir.parent), **given}


@dataclass
class Service:
    """What a person at the terminal has of it: a process, and what it printed."""

    process: psutil.Popen
    directory: Path

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def output(self) -> str:
        return (self.directory / "out").read_text()

    @property
    def errors(self) -> str:
        return (self.directory / "err").read_text()

    @property
    def url(self) -> str:
        return self._printed(r"Slipway serves on (\S+)")

    @property
    def token(self) -> str:
        return self._printed(r"Token: (\S+)")

    @property
    def upload_line(self) -> str:
        return self._printed(r"^(\( F=.*)$")

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.output, re.MULTILINE)
        assert found, self.output
        return found.group(1)

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=DEADLINE)

    def wait_until_ready(self) -> None:
        eventually(
            lambda: LAST_LINE in self.output or self.process.poll() is not None, "it is ready"
        )
        assert self.process.poll() is None, (self.process.returncode, self.errors)

    def wait_until_ended(self) -> int:
        return int(self.process.wait(DEADLINE))

    def descendants(self) -> list[psutil.Process]:
        return list(self.process.children(recursive=True))


@contextmanager
def started(directory: Path, command: Sequence[str] = COMMAND, **given: str) -> Iterator[Service]:
    """The service, not ready yet; whatever a test leaves of it is killed."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
        process = psutil.Popen(
            command,
            cwd=directory,
            env=environment(directory / "data", **given),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    service = Service(process, directory)
    try:
        yield service
    finally:
        _end(service)


@contextmanager
def running(directory: Path, **given: str) -> Iterator[Service]:
    """The service, ready, and stopped at the end."""
    with started(directory, **given) as service:
        service.wait_until_ready()
        yield service


def _end(service: Service) -> None:
    if service.process.poll() is None:
        service.process.send_signal(signal.SIGTERM)
        service.wait_until_ended()
    eventually(lambda: not engines_of(service.data_dir), "no engine outlives its service")
