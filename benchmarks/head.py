"""`python -m benchmarks.head < KEYS`: prints the µs of CPU that one HEAD of the store costs."""

import sys
import time

import uvloop

from app.infrastructure.storage.s3 import S3ObjectStore, open_s3_store
from app.settings import Settings


async def measure(keys: list[str]) -> float:
    """The mean over `keys`, one after another, as a lone client makes the service do it."""
    store = await open_s3_store(Settings.load(), on_call=lambda *_: None, on_signer=lambda _: None)
    try:
        await _head_all(store, keys[:20])
        before = time.process_time()
        await _head_all(store, keys)
        return (time.process_time() - before) / len(keys) * 1e6
    finally:
        await store.close()


async def _head_all(store: S3ObjectStore, keys: list[str]) -> None:
    for key in keys:
        if await store.head(key) is None:
            raise RuntimeError("the store lacks an object that was uploaded")


if __name__ == "__main__":
    print(uvloop.run(measure(sys.stdin.read().split())))
