"""Servers under test: one process each, one uvicorn worker each, watched from outside."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.cli.server import resolved_environment
from app.infrastructure.embedded import die_with_parent
from app.settings import Settings
from benchmarks.stage import Stage

ROOT = Path(__file__).parents[1]
START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0


class Server:
    """A process that listens on `port` of the loopback."""

    def __init__(self, pid: int, port: int) -> None:
        self._process = psutil.Process(pid)
        self.port = port

    def cpu(self) -> float:
        """Seconds of CPU that the process has used so far, in the user's mode and the kernel's."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def resident(self) -> int:
        """Bytes of memory that the process holds."""
        return int(self._process.memory_info().rss)


@contextmanager
def slipway(stage: Stage, **given: str) -> Iterator[Server]:
    """The service, with everything on that counts, and nothing refused by the rate limit.

    `given` are further settings.
    """
    environment = service_environment(stage) | given
    with _running(stage, "slipway", ["app", "serve", "--no-worker"], environment) as server:
        yield server


@contextmanager
def worker(stage: Stage, **given: str) -> Iterator[Server]:
    """One worker process with further settings; what listens is its probes."""
    environment = service_environment(stage) | given
    with _running(stage, "worker", ["app", "worker"], environment) as server:
        yield server


@contextmanager
def baseline(stage: Stage, module: str) -> Iterator[Server]:
    """The application `app` of `benchmarks.<module>`, under uvicorn as the service runs it."""
    command = ["uvicorn", f"benchmarks.{module}:app", "--loop=uvloop", "--http=httptools"]
    quiet = ["--no-access-log", "--log-level=warning", "--no-server-header"]
    with _running(stage, module, [*command, *quiet], service_environment(stage)) as server:
        yield server


def service_environment(stage: Stage) -> dict[str, str]:
    """What a process must find in its environment to use the engines of `stage`."""
    given = {"RATE_LIMIT": "1000000000/minute", "LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}
    return resolved_environment(stage.settings, Settings(_env_file=None)) | given


def child_environment(given: Mapping[str, str]) -> dict[str, str]:
    """Ours, and where our modules are: children run elsewhere, away from any `.env`."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **given}


@contextmanager
def _running(
    stage: Stage, name: str, module: list[str], environment: Mapping[str, str]
) -> Iterator[Server]:
    port = free_port()
    given = child_environment(
        {
            **environment,
            **dict.fromkeys(("PORT", "UVICORN_PORT", "WORKER_PORT"), str(port)),
        }
    )
    with open(stage.directory / f"{name}.log", "ab") as log:
        process = subprocess.Popen(
            [*launcher(), sys.executable, "-m", *module],
            cwd=stage.directory,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for(process, port, log=Path(log.name))
        yield Server(process.pid, port)
    finally:
        _stop(process)


def launcher() -> list[str]:
    """Ends the child when we end, however that comes about."""
    return [
        sys.executable,
        "-I",
        "-S",
        die_with_parent.__file__,
        str(os.getpid()),
        signal.SIGKILL.name,
        "-",
    ]


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.stem} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    """Whether there is an answer of HTTP: Slipway listens long before it can serve."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/1.1")
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
