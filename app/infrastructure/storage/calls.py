"""Calls to the store: in a bounded pool, within their time, their failures in the port's words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from botocore.exceptions import ClientError

from app.domain.ports import UploadGone
from app.infrastructure.storage.failures import FAILURES, TIMEOUTS, code_of, unavailable
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

Limit = Literal["S3_TIMEOUT", "S3_COMPLETE_TIMEOUT"]

Paged = Literal["list_multipart_uploads", "list_objects_v2"]

OnCall = Callable[[str, str, float], None]
"""Told of every call: operation, outcome (ok, missing, error or timeout), seconds."""


class S3Calls:
    """The client, the bucket, and the pool in which calls run."""

    def __init__(
        self, settings: Settings, client: "S3Client", pool: ThreadPoolExecutor, on_call: OnCall
    ) -> None:
        self._settings = settings
        self._bucket = settings.s3_bucket
        self._client = client
        self._pool = pool
        self._on_call = on_call

    async def _call(
        self, operation: str, call: Callable[[], T], *, limit: Limit = "S3_TIMEOUT"
    ) -> T:
        """The call's result from the pool, within the seconds that the setting `limit` says.

        Raises `UploadGone` when the store knows no such multipart upload, and `StorageUnavailable`
        for every other failure.
        """
        started = perf_counter()
        outcome = "error"
        try:
            async with asyncio.timeout(getattr(self._settings, limit.lower())):
                result = await asyncio.get_running_loop().run_in_executor(self._pool, call)
            outcome = "missing" if operation == "head" and result is None else "ok"
        except FAILURES as error:
            if isinstance(error, ClientError) and code_of(error) == "NoSuchUpload":
                outcome = "missing"
                raise UploadGone from error
            outcome = "timeout" if isinstance(error, TIMEOUTS) else "error"
            raise unavailable(error, limit) from error
        finally:
            self._on_call(operation, outcome, perf_counter() - started)
        return result

    async def _pages(self, operation: Paged, **asked: Any) -> AsyncIterator[Mapping[str, Any]]:
        """The answers to a listing, each asked for when the one before it has been used."""
        pages: Any = self._client.get_paginator(operation).paginate(Bucket=self._bucket, **asked)
        answers = iter(pages)
        while (page := await self._call(operation, lambda: next(answers, None))) is not None:
            yield page
