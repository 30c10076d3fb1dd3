"""Many calls at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 32
"""As many calls to the store are made at once (S3_MAX_CONNECTIONS)."""


async def each(work: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    """What `work` makes of the items, in their order, AT_ONCE of them at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with slots:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))
