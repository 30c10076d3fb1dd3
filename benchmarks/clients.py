"""Command lines that move files: how long they take, and the most memory they hold."""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.servers import ROOT
from benchmarks.stage import Stage

AWS = Path(sys.prefix) / "aws" / "bin" / "aws"

_GLANCE = 0.02
"""Seconds between two looks at the memory of a process."""
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")
"""Of our environment: nobody's configuration of either client is measured."""


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds` from start to end, `peak` resident bytes, and what was printed.

    `busy` are seconds of a processor for the command, `store_busy` for the store meanwhile.
    """

    seconds: float
    busy: float
    store_busy: float
    peak: int
    output: str


def slipway_client(stage: Stage, url: str, *arguments: str) -> Run:
    """`python -m app ARGUMENTS` at a service."""
    given = {"PYTHONPATH": str(ROOT), "SLIPWAY_URL": url, "SLIPWAY_TOKEN": stage.token_for()}
    return _timed(stage, [sys.executable, "-m", "app", *arguments], given)


def aws_s3(stage: Stage, *arguments: str) -> Run:
    """`aws s3 ARGUMENTS` at the embedded store, with its defaults."""
    settings = stage.settings
    if settings.s3_access_key is None or settings.s3_secret_key is None:
        raise RuntimeError("the embedded store has keys")
    given = {
        "AWS_ACCESS_KEY_ID": settings.s3_access_key.get_secret_value(),
        "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": settings.s3_region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    endpoint = ["--endpoint-url", str(settings.s3_endpoint_url)]
    return _timed(stage, [str(AWS), *endpoint, "s3", *arguments, "--only-show-errors"], given)


def _timed(stage: Stage, command: Sequence[str], given: Mapping[str, str]) -> Run:
    """Raises `RuntimeError` with the command's last words if it fails."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    home = {"HOME": str(stage.directory), "XDG_STATE_HOME": str(stage.directory / "state")}
    os.sync()  # what was written before is not this command's to wait for
    with tempfile.TemporaryFile("w+") as output:
        begun, busy, store_busy = time.monotonic(), _children_busy(), _store_busy()
        process = psutil.Popen(
            command,
            cwd=stage.directory,
            env={**kept, **home, **given},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = _watched(process)
        seconds = time.monotonic() - begun
        busy, store_busy = _children_busy() - busy, _store_busy() - store_busy
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{said[-2000:]}")
    return Run(seconds, busy, store_busy, peak, said)


def _children_busy() -> float:
    """Of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _store_busy() -> float:
    [store] = [child for child in psutil.Process().children() if child.name() == "weed"]
    times = store.cpu_times()
    return float(times.user + times.system)


def _watched(process: psutil.Popen) -> int:
    """Wait for its end; the most bytes it held. (What wait4 tells counts our own, before exec.)"""
    peak = 0
    try:
        while process.poll() is None:
            peak = max(peak, _peak_of(process.pid))
            time.sleep(_GLANCE)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return peak


def _peak_of(pid: int) -> int:
    """VmHWM of proc_pid_status(5); 0 for a process that has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0
