"""The worker process that `serve` keeps beside the API."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from app.infrastructure.keeper import kept_after

STOP_TIMEOUT = 20.0
"""Seconds: longer than a worker takes to end by itself, whatever its jobs do."""


def worker_beside(
    environment: Mapping[str, str], *, after: Callable[[], None]
) -> AbstractContextManager[None]:
    """Keep a worker with these variables running, once `after` has returned.

    It writes to our standard error. On leaving it is stopped, and when we are killed it dies.
    """
    return kept_after(after, _Worker(environment), "worker")


class _Worker:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # A session of its own: Ctrl-C reaches the service alone, which stops it in order.
        self._process = subprocess.Popen(  # noqa: S603 -- ourselves
            [sys.executable, "-m", "app", "worker", "--parent", str(os.getpid())],
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self) -> None:
        if process := self._process:
            process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
