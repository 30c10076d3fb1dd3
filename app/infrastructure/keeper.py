"""A child process that ends before the service does is started again."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from app.infrastructure.embedded.errors import EngineError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a child that ended is started again, doubled from one time to the next until it
has run for the longest."""

log = structlog.get_logger(__name__)


class Child(Protocol):
    """`start` returns where it answers, if anywhere. `wait` returns when its process has ended, and
    at once when there is none; `stop` does nothing then."""

    def start(self) -> object: ...

    def wait(self) -> None: ...

    def stop(self) -> None: ...


@contextmanager
def kept(child: Child, name: str, address: object) -> Iterator[None]:
    """Keep a child running that has been started and answers at `address`; stop it on leaving."""
    keeper = Keeper(child, name, address)
    with _in_the_background(keeper.keep, keeper):
        yield


@contextmanager
def kept_after(begin: Callable[[], None], child: Child, name: str) -> Iterator[None]:
    """Keep a child running once `begin` has returned; stop it on leaving."""
    keeper = Keeper(child, name)

    def start() -> None:
        begin()
        keeper.start()
        keeper.keep()

    with _in_the_background(start, keeper):
        yield


@contextmanager
def _in_the_background(work: Callable[[], None], keeper: "Keeper") -> Iterator[None]:
    """In a thread that lives as long as what it starts: with the thread, Linux takes the child for
    orphaned (prctl(2), PR_SET_PDEATHSIG)."""
    threading.Thread(target=work, daemon=True).start()
    try:
        yield
    finally:
        keeper.stop()


class Keeper:
    """Starts and stops never overlap, and nothing is started after the stop."""

    def __init__(self, child: Child, name: str, address: object = None) -> None:
        self._child = child
        self._name = name
        self._address = address
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def keep(self) -> None:
        """Until `stop`."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            self._child.wait()
            if time.monotonic() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            self._start_again(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            self._child.stop()

    def start(self) -> None:
        """Failures are logged, and are as good as an end at once."""
        with self._lock:
            if self._stopping.is_set():
                return
            try:
                self._check(self._child.start())
            except (EngineError, OSError, subprocess.SubprocessError) as error:
                log.error("a process does not start", name=self._name, error=str(error))
                self._child.stop()

    def _start_again(self, pause: float) -> None:
        if not self._stopping.is_set():
            log.warning("a process has ended", name=self._name, starts_again_in=pause)
        self._stopping.wait(pause)
        with self._lock:
            self._child.stop()  # clears away what a dead process left
        self.start()

    def _check(self, address: object) -> None:
        if address != self._address:  # somebody took its port meanwhile
            log.error("a process answers elsewhere now: restart the service", name=self._name)
