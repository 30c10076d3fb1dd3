"""The store as the service calls it, and as its clients reach it, for the checks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import boto3

from app.domain.ports import Capabilities
from app.infrastructure.diagnosis.http import Web
from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.client import calling_client, open_session
from app.infrastructure.storage.failures import FAILURES, unavailable
from app.infrastructure.storage.s3 import S3ObjectStore, open_s3_store
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

PROBES = ".slipway-doctor"
"""The folder under S3_KEY_PREFIX in which the doctor writes; nothing else does."""


class StoreAccess:
    """Opened when first used. What raises botocore's errors says so; the rest raises
    `StorageUnavailable`."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self.clock = clock
        self.web = Web(settings.s3_timeout)
        self._opening = asyncio.Lock()
        self._store: S3ObjectStore | None = None

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of(self.settings)

    @property
    def bucket(self) -> str:
        return self.settings.s3_bucket

    @cached_property
    def session(self) -> boto3.Session:
        """Raises botocore's `ProfileNotFound`."""
        return open_session(self.settings)

    @cached_property
    def client(self) -> "S3Client":
        """As the service calls the store. Raises what botocore does for settings it cannot use."""
        return calling_client(self.session, self.settings)

    async def call(self, call: Callable[["S3Client"], T]) -> T:
        """In a thread; raises botocore's errors as they are, one of `FAILURES`."""
        return await asyncio.to_thread(lambda: call(self.client))

    async def store(self) -> S3ObjectStore:
        """The service's own adapter, to sign and to look with."""
        async with self._opening:
            if self._store is None:
                self._store = await self._open()
            return self._store

    async def _open(self) -> S3ObjectStore:
        try:
            return await open_s3_store(
                self.settings, clock=self.clock, on_call=lambda *_: None, on_signer=lambda _: None
            )
        except FAILURES as error:
            raise unavailable(error) from error

    @asynccontextmanager
    async def probe(self) -> AsyncIterator[str]:
        """A key that nobody else uses, under which nothing is left behind."""
        key = f"{self.probes}{uuid4()}"
        try:
            yield key
        finally:
            await self._remove(key)

    @property
    def probes(self) -> str:
        """What the keys of all probes begin with."""
        prefix = self.settings.s3_key_prefix.strip("/")
        return f"{prefix}/{PROBES}/" if prefix else f"{PROBES}/"

    async def _remove(self, key: str) -> None:
        store = await self.store()
        for upload_id in await store.multipart_uploads(key):
            await store.abort_multipart(key, upload_id)
        await store.delete(key)

    async def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            await self._store.close()
        if "client" in self.__dict__:
            self.client.close()
        self.web.close()
