"""The steps of a use case, and a way to stop it between two of them.

Services only call ports, one after the other. What a process that is killed leaves behind depends
on which of the calls that change something were done, so these calls are the steps.
"""

import inspect
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

_OF_REPOSITORIES = {"find", "find_all", "page", "events", "load", "due", "due_removals"}
_OF_STORES = {"head", "parts", "multipart_uploads", "list_objects", "unfinished_uploads", "ping"}
_OF_QUEUES = {"receive", "has_dead_letters"}
_SIGNING = {"presign_upload", "presign_parts", "presign_download"}
READS = frozenset(_OF_REPOSITORIES | _OF_STORES | _OF_QUEUES | _SIGNING)
"""The calls that change nothing. Whatever else a port has is a step."""

OnCall = Callable[[str], Awaitable[None]]
"""Told the name of a call: `store.delete`."""


def is_step(call: str) -> bool:
    return call.partition(".")[2] not in READS


async def ignore(call: str) -> None:
    """Where nobody has to be told."""


class Watched:
    """A port that tells of its calls: before each, and when its answer is there but not yet used.

    Listings page by page are not told of.
    """

    def __init__(
        self, name: str, port: Any, *, before: OnCall = ignore, after: OnCall = ignore
    ) -> None:
        self._name, self._port = name, port
        self._before, self._after = before, after

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if not inspect.iscoroutinefunction(member):
            return member

        async def watched(*values: Any, **named: Any) -> Any:
            await self._before(f"{self._name}.{name}")
            answer = await member(*values, **named)
            await self._after(f"{self._name}.{name}")
            return answer

        return watched


class KillAfter:
    """Kills its own process, with no chance to clean up, once so many steps are done."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    async def __call__(self, call: str) -> None:
        self._left -= is_step(call)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
