"""Processes that are started cheaply to be killed: forks of one that has imported all they need."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from tests.support.measuring import FOLLOW

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

LIFETIME = 300
"""Seconds after which a victim that nobody killed ends by itself."""


class Victims:
    """`module`, run with `-m`, calls `breed`, whose `prepare` gets `setting`."""

    def __init__(self, module: str, setting: Any) -> None:
        self._breeder = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != FOLLOW},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._tell(setting)

    def sacrifice(self, order: Any) -> int:
        """How the victim ended: its exit status, or the signal's number negated."""
        self._tell(order)
        assert self._breeder.stdout is not None
        ended: int = pickle.load(self._breeder.stdout)
        return ended

    def _tell(self, word: Any) -> None:
        assert self._breeder.stdin is not None
        pickle.dump(word, self._breeder.stdin)
        self._breeder.stdin.flush()

    def close(self) -> None:
        self._breeder.communicate(timeout=LIFETIME)


def breed(prepare: Callable[[Any], T], live: Callable[[T, Any], None]) -> None:
    """Prepare once, then let a victim live for each order that comes, until there come no more."""
    prepared = prepare(pickle.load(sys.stdin.buffer))
    with _private_stdout() as answers, suppress(EOFError):
        while True:
            ended = _sacrifice(live, prepared, pickle.load(sys.stdin.buffer))
            pickle.dump(ended, answers)
            answers.flush()


def _private_stdout() -> BinaryIO:
    """What is printed goes to stderr from now on."""
    private = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return private


def _sacrifice(live: Callable[[T, Any], None], prepared: T, order: Any) -> int:
    victim = os.fork()
    if victim == 0:
        _end_after(lambda: live(prepared, order))
    _, status = os.waitpid(victim, 0)
    return os.waitstatus_to_exitcode(status)


def _end_after(life: Callable[[], None]) -> NoReturn:
    signal.alarm(LIFETIME)
    code = 1
    try:
        life()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
