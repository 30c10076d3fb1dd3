"""Watching processes from outside, by condition and deadline."""

import contextlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PORTS = range(20_000, 32_768)
"""Below Linux's ephemeral ports (ip(7), ip_local_port_range), which any connection may hold."""

DEADLINE = 180.0
"""Seconds: far beyond what any of it takes, so that a slow machine fails nothing."""


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds; fail with `what` after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE:.0f} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    """A loopback port that was free a moment ago, and is nobody's whom the kernel gives one."""
    candidates = random.SystemRandom().sample(PORTS, len(PORTS))
    return next(port for port in candidates if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def engines_of(data_dir: Path) -> list[psutil.Process]:
    """The living engines whose command line names a directory under `data_dir`."""
    needle = f"{data_dir.resolve()}/"
    return [process for process in psutil.process_iter() if needle in _command(process)]


def _command(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    is_engine = any(Path(word).name in {"postgres", "weed"} for word in words)
    return " ".join(words) if is_engine else ""


@contextlib.contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A living process that has nothing to do with us, and must stay alive."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        yield process
        assert process.poll() is None, "the bystander was hit"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
