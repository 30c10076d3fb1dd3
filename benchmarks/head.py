"""`python -m benchmarks.head < KEYS`: prints the µs of CPU that one HEAD of the store costs."""

import asyncio
import sys
import time

import uvloop

from app.container import utc_now
from app.infrastructure.storage.s3 import S3ObjectStore, open_s3_store
from app.settings import Settings

AT_ONCE = 4
"""Calls under way together, here and of `PUT /file-status`."""


async def measure(keys: list[str]) -> float:
    """The mean over `keys`."""
    store = await open_s3_store(
        Settings.load(), clock=utc_now, on_call=lambda *_: None, on_signer=lambda _: None
    )
    try:
        await _head_all(store, keys)  # warm up
        before = time.process_time()
        await _head_all(store, keys)
        return (time.process_time() - before) / len(keys) * 1e6
    finally:
        await store.close()


async def _head_all(store: S3ObjectStore, keys: list[str]) -> None:
    async def head(share: list[str]) -> None:
        for key in share:
            if await store.head(key) is None:
                raise RuntimeError("the store lacks an object that was uploaded")

    await asyncio.gather(*(head(keys[first::AT_ONCE]) for first in range(AT_ONCE)))


if __name__ == "__main__":
    print(uvloop.run(measure(sys.stdin.read().split())))
