"""The store as the service calls it, and as its clients reach it, for the checks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError

from app.domain.diagnosis import Finding, note
from app.domain.ports import Capabilities, SignedRequest
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.diagnosis.http import Web
from app.infrastructure.diagnosis.probe import BODY, EXPIRES_IN, TYPE
from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.client import calling_client, open_session
from app.infrastructure.storage.failures import FAILURES, code_of, status_of, unavailable
from app.infrastructure.storage.s3 import S3ObjectStore, open_s3_store
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

PROBES = ".slipway-doctor"
"""The folder under S3_KEY_PREFIX in which the doctor writes; nothing else does."""


LEFT_BEHIND = timedelta(hours=1)
"""The age at which a probe is nobody's any more."""

_OUTAGES = (429, 500, 502, 503, 504)


class NotTold(Exception):
    """The store does not let the service read a part of the bucket's configuration."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


class StoreAccess:
    """Opened when first used. Everything raises `StorageUnavailable`, unless it says otherwise."""

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

    async def read(
        self, what: str, action: str, call: Callable[["S3Client"], T], *, absent: str = ""
    ) -> T | None:
        """A part of the bucket's configuration; None where the store's code for none is `absent`.

        Raises `NotTold` where that needs the right to `action`, or the store has no such call.
        """
        try:
            return await self.call(call)
        except FAILURES as error:
            if not isinstance(error, ClientError) or status_of(error) in _OUTAGES:
                raise unavailable(error) from error
            if code_of(error) == absent:
                return None
            raise NotTold(_not_told(what, action, error)) from error

    async def change(self, action: str, call: Callable[["S3Client"], object]) -> None:
        """Change the bucket's configuration."""
        try:
            await self.call(call)
        except ClientError as error:
            raise StorageUnavailable(
                f"The store refuses it ({code_of(error)}): do it with credentials that have the "
                f"right to {action}."
            ) from error
        except FAILURES as error:
            raise unavailable(error) from error

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

    async def download(self, key: str) -> SignedRequest:
        """A URL to read a probe by, as clients get it."""
        store = await self.store()
        return await store.presign_download(
            key, type=TYPE, disposition="inline", expires_in=EXPIRES_IN
        )

    async def put(self, key: str) -> None:
        """Write a probe past all URLs."""
        try:
            await self.call(lambda s3: s3.put_object(Bucket=self.bucket, Key=key, Body=BODY))
        except FAILURES as error:
            raise unavailable(error) from error

    @asynccontextmanager
    async def probe(self) -> AsyncIterator[str]:
        """A key that nobody else uses. Nothing is left under it, nor under what begins with it."""
        key = f"{self.probes}{uuid4()}"
        try:
            yield key
        finally:
            await self._remove(key)

    @property
    def folder(self) -> str:
        """What every key of the service begins with."""
        prefix = self.settings.s3_key_prefix.strip("/")
        return f"{prefix}/" if prefix else ""

    @property
    def probes(self) -> str:
        """What the keys of all probes begin with."""
        return f"{self.folder}{PROBES}/"

    async def tidy(self) -> None:
        """Remove what an examination that was killed has left behind."""
        await self._remove(self.probes, older_than=LEFT_BEHIND)

    async def _remove(self, prefix: str, older_than: timedelta = timedelta(0)) -> None:
        store, before = await self.store(), self.clock() - older_than
        async for uploads in store.unfinished_uploads(prefix):
            for upload in uploads:
                if upload.initiated <= before or not older_than:
                    await store.abort_multipart(upload.key, upload.upload_id)
        async for objects in store.list_objects(prefix):
            for found in objects:
                if found.last_modified <= before or not older_than:
                    await store.delete(found.key)

    async def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            await self._store.close()
        if "client" in self.__dict__:
            self.client.close()
        self.web.close()


def _not_told(what: str, action: str, error: ClientError) -> Finding:
    if status_of(error) == 403:
        return note(
            f"The service may not read the {what} ({action}).",
            "It need not, save for this check: run it with an administrator's credentials.",
        )
    return note(f"The store does not tell of {what} ({code_of(error)}).")
