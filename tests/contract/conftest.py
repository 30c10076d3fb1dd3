"""The object stores under contract: the in-memory twin and an S3 that verifies."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import pytest
import pytest_asyncio

from app.domain.file import UploadMethod
from app.domain.ports import ObjectStore, SignedRequest, StoreListing, UploadSpec
from app.infrastructure.storage.s3 import S3ObjectStore
from app.settings import Settings
from tests.fakes.object_store import InMemoryObjectStore
from tests.support.stores import open_store, send_signed

BODY = b"a few bytes"
PUT = UploadMethod.PUT


class ListedStore(ObjectStore, StoreListing, Protocol):
    """Both stores can list what they hold."""


class Clock:
    """The time of day, or some time before it."""

    def __init__(self) -> None:
        self.behind = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


@dataclass
class Setup:
    """A store, the clock it signs by, the same store unreachable, and how clients reach it."""

    store: ListedStore
    clock: Clock
    unreachable: ListedStore
    send: Callable[..., Awaitable[httpx.Response]]
    pages_of: Callable[[int], AbstractContextManager[None]]
    """Within it the store lists so many parts, uploads or objects at a time."""

    async def upload(self, spec: UploadSpec, method: UploadMethod = PUT) -> SignedRequest:
        signed = await self.store.presign_upload(spec, method, 60)
        answer = await self.send(signed, BODY)
        assert answer.status_code in (200, 201), answer.text
        return signed

    async def send_part(self, url: str, body: bytes) -> httpx.Response:
        return await self.send(SignedRequest("PUT", url, self.clock()), body)

    @contextmanager
    def an_hour_ago(self) -> Iterator[None]:
        self.clock.behind = timedelta(hours=1)
        yield
        self.clock.behind = timedelta(0)


@pytest_asyncio.fixture(params=["memory", "seaweedfs"], scope="module", loop_scope="session")
async def setup(request: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    clock = Clock()
    if request.param == "memory":
        yield _in_memory(clock)
        return
    settings: Settings = request.getfixturevalue("store_settings")
    nowhere = settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"})
    async with open_store(settings, clock=clock) as real, open_store(nowhere) as lost:
        yield Setup(real, clock, lost, send_signed, lambda size: _s3_pages_of(real, size))


def _in_memory(clock: Clock) -> Setup:
    store, unreachable = InMemoryObjectStore(clock=clock), InMemoryObjectStore()
    unreachable.down = True

    @contextmanager
    def pages_of(size: int) -> Iterator[None]:
        store.page_size, usual = size, store.page_size
        yield
        store.page_size = usual

    return Setup(store, clock, unreachable, store.send, pages_of)


@contextmanager
def _s3_pages_of(store: S3ObjectStore, size: int) -> Iterator[None]:
    limits = {
        "ListParts": {"MaxParts": size},
        "ListMultipartUploads": {"MaxUploads": size},
        "ListObjectsV2": {"MaxKeys": size},
    }

    def limit(params: dict[str, Any], model: Any, **_: Any) -> None:
        params.update(limits[model.name])

    events = store._client.meta.events
    for operation in limits:
        events.register(f"provide-client-params.s3.{operation}", limit, unique_id=operation)
    yield
    for operation in limits:
        events.unregister(f"provide-client-params.s3.{operation}", unique_id=operation)
