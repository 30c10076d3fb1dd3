"""The worker process that `serve` keeps beside the API."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

STOP_TIMEOUT = 20.0
"""Seconds: longer than a worker takes to end by itself, whatever its jobs do."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a worker that ended is started again, doubled from one time to the next."""

log = structlog.get_logger(__name__)


@contextmanager
def worker_beside(environment: Mapping[str, str], *, after: Callable[[], None]) -> Iterator[None]:
    """Keep a worker with these variables running, once `after` has returned.

    It writes to our standard error. On leaving it is stopped, and when we are killed it dies.
    """
    keeper = _Keeper(environment)

    def begin() -> None:
        after()
        keeper.keep()

    threading.Thread(target=begin, daemon=True).start()
    try:
        yield
    finally:
        keeper.stop()


class _Keeper:
    """`keep` in a thread that lives as long as the worker: with the thread that started it, Linux
    takes the worker for orphaned (prctl(2), PR_SET_PDEATHSIG)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        pause = FIRST_PAUSE
        while process := self._start():
            started_at = time.monotonic()
            code = process.wait()
            if time.monotonic() - started_at > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            if not self._stopping.is_set():
                log.warning("worker_ended", code=code, starts_again_in=pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            # A session of its own: Ctrl-C reaches the service alone, which stops it in order.
            self._process = subprocess.Popen(  # noqa: S603 -- ourselves
                [sys.executable, "-m", "app", "worker", "--parent", str(os.getpid())],
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            return self._process
