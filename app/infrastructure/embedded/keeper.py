"""An engine that ends before the service does is started again, over the same data."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from app.infrastructure.embedded.errors import EngineError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds between tries to start an engine again, doubled from one to the next."""

log = structlog.get_logger(__name__)


class Engine(Protocol):
    """`start` returns where it answers; `wait` returns when its process has ended."""

    def start(self) -> object: ...

    def stop(self) -> None: ...

    def wait(self) -> None: ...


@contextmanager
def kept(engine: Engine, name: str, address: object) -> Iterator[None]:
    """Keep an engine running that has been started and answers at `address`; stop it on leaving."""
    keeper = _Keeper(engine, name, address)
    threading.Thread(target=keeper.keep, name=f"keeper of {name}", daemon=True).start()
    try:
        yield
    finally:
        keeper.stop()


class _Keeper:
    """`keep` runs in a thread that outlives what it starts: with the thread, Linux takes the engine
    for orphaned (prctl(2), PR_SET_PDEATHSIG)."""

    def __init__(self, engine: Engine, name: str, address: object) -> None:
        self._engine = engine
        self._name = name
        self._address = address
        self._starting = threading.Lock()
        self._stopping = threading.Event()

    def keep(self) -> None:
        while not self._stopping.is_set():
            self._engine.wait()
            self._start_again()

    def stop(self) -> None:
        self._stopping.set()
        with self._starting:
            self._engine.stop()

    def _start_again(self) -> None:
        pause = FIRST_PAUSE
        while not self._has_started():
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _has_started(self) -> bool:
        """Also when there is nothing to start any more."""
        with self._starting:
            if self._stopping.is_set():
                return True
            log.warning("an engine has ended and is started again", engine=self._name)
            try:
                self._engine.stop()  # clears away what a dead process left
                self._check(self._engine.start())
            except (EngineError, OSError, subprocess.SubprocessError) as error:
                log.error("an engine does not start", engine=self._name, error=str(error))
                return False
            return True

    def _check(self, address: object) -> None:
        if address != self._address:  # somebody took its port meanwhile
            log.error("an engine answers elsewhere now: restart the service", engine=self._name)
