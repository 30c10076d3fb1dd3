"""What a client fetches of an object, range by range."""

import asyncio
import re
import sys

from tests.support.chaos import Answer, Call, Forward

Range = tuple[int, int]
"""First and last byte, both included."""


def asked_range(call: Call) -> Range | None:
    """Of a GET by range, None of every other call."""
    given = dict(call.headers).get(b"range", b"").decode()
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", given)
    return (int(found[1]), int(found[2])) if found and call.method == "GET" else None


class Ranges:
    """Fair weather that remembers the ranges that it served, `until` of them.

    Whatever is asked further hangs until the test says that it is over.
    """

    def __init__(self, until: int = sys.maxsize) -> None:
        self.served: list[Range] = []
        self._until = until
        self.over = asyncio.Event()

    async def __call__(self, call: Call, forward: Forward) -> Answer | None:
        if len(self.served) >= self._until:
            await self.over.wait()
            return None
        if wanted := asked_range(call):
            self.served.append(wanted)
        return await forward(call)
