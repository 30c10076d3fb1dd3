"""The steps of a use case, and a way to stop it between two of them.

Services only call ports, one after the other. What a process that is killed leaves behind depends
on which of the calls that change something were done, so these calls are the steps.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

_OF_REPOSITORIES = {"find", "find_all", "page", "events", "load", "due", "due_removals"}
_OF_STORES = {"head", "parts", "multipart_uploads", "list_objects", "unfinished_uploads", "ping"}
_SIGNING = {"presign_upload", "presign_parts", "presign_download"}
READS = frozenset(_OF_REPOSITORIES | _OF_STORES | _SIGNING)
"""The calls that change nothing. Whatever else a port has is a step."""

OnStep = Callable[[str], None]
"""Told the name of a step (`store.delete`) when it is done and nothing has been made of it yet."""


class Steps:
    """A port whose steps are told of."""

    def __init__(self, name: str, port: Any, on_step: OnStep) -> None:
        self._name, self._port, self._on_step = name, port, on_step

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if name in READS or not callable(member):
            return member

        async def step(*values: Any, **named: Any) -> Any:
            answer = await member(*values, **named)
            self._on_step(f"{self._name}.{name}")
            return answer

        return step


class KillAfter:
    """Kills its own process, with no chance to clean up, once so many steps are done."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def __call__(self, step: str) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
