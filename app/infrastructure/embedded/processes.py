"""Child processes that end with the service, and how to end those that a killed one left."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from app.infrastructure.embedded import die_with_parent
from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.system_user import SystemUser

_POLL_INTERVAL = 0.02
_COMPLAINT = re.compile(r"\b(fatal|panic|error|detail)\b", re.IGNORECASE)


def spawn(
    command: Sequence[str],
    *,
    directory: Path,
    log: Path,
    stop_signal: signal.Signals,
    user: SystemUser | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in `directory`, writing to `log`, to get `stop_signal` when we end.

    Call it from a thread that lives as long as the service: Linux sends the signal when the
    *thread* that started the child ends (prctl(2), PR_SET_PDEATHSIG). The child sees nothing of
    our environment, which holds secrets and variables that the engines act on (`PGPORT`,
    `AWS_ACCESS_KEY_ID`, `S3_BUCKET`), and is a session of its own, so that Ctrl-C reaches the
    service alone and the engines are stopped after it.
    """
    launcher = [sys.executable, "-I", "-S", die_with_parent.__file__]
    identity = f"{user.uid}:{user.gid}" if user else "-"
    with open(log, "ab", opener=_private) as output:
        return subprocess.Popen(  # noqa: S603 -- the command is ours
            [*launcher, str(os.getpid()), stop_signal.name, identity, *command],
            cwd=directory,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals, timeout: float) -> None:
    """End a child: `stop_signal`, at most `timeout` seconds of patience, then SIGKILL."""
    process.send_signal(stop_signal)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_orphans(program: str, argument: str, stop_signal: signal.Signals, timeout: float) -> None:
    """As `stop`, end every `program` that carries `argument`, which names one data directory.

    The command line is the identity: unlike a pid in a file it cannot go stale or be reused.
    The caller holds the lock of the data directory, so no living service owns such a process.
    """
    alive = [process for process in psutil.process_iter() if _is(process, program, argument)]
    for number in (stop_signal, signal.SIGKILL):
        for orphan in alive:
            _signal(orphan, number)
        alive = _outlasting(alive, timeout)


def _is(process: psutil.Process, program: str, argument: str) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return argument in command and any(Path(word).name == program for word in command)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _outlasting(processes: list[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Those that still run after `timeout` seconds; returns as soon as there are none."""
    deadline = time.monotonic() + timeout
    while (alive := [p for p in processes if not has_ended(p)]) and time.monotonic() < deadline:
        time.sleep(_POLL_INTERVAL)
    return alive


def has_ended(process: psutil.Process) -> bool:
    """Also when nobody reaps it: in a container the first process may not know that it should."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    *,
    log: Path,
    name: str,
    timeout: float,
) -> None:
    """Poll `ready` until it holds; EngineError when the process ends or `timeout` seconds pass."""
    deadline = time.monotonic() + timeout
    while process.poll() is None:
        if ready():
            return
        if time.monotonic() > deadline:
            raise EngineError(f"{name} was not ready within {timeout:.0f} s (see {log})")
        time.sleep(_POLL_INTERVAL)
    raise EngineError(f"{name} stopped while starting: {complaint(log)} (see {log})")


def rotate(log: Path) -> None:
    """Put the log of the last run aside as `.1`, over the one before it."""
    if log.exists():
        log.replace(log.with_suffix(f"{log.suffix}.1"))


def complaint(log: Path) -> str:
    """What a log complains of at its end, on one line, or else its last line."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if _COMPLAINT.search(line)]
    return "; ".join(complaints[-3:] or lines[-1:] or ["it wrote no log"])
