"""The object store over the S3 API.

The least that the service's credentials must be allowed (IAM):

    s3:PutObject, s3:GetObject     on bucket/*   what URLs and forms do; GetObject covers HEAD
    s3:DeleteObject                on bucket/*
    s3:ListBucket                  on bucket     or a missing object is a 403, not a 404
    s3:DeleteObjectVersion         on bucket/*   where the bucket keeps versions
    s3:ListBucketVersions          on bucket     likewise
    kms:GenerateDataKey, kms:Decrypt             where the bucket encrypts with SSE-KMS

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html ("Permissions")
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from app.domain.checksum import ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import Capabilities, ObservedObject, SignedRequest, UploadSpec
from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.client import calling_client, open_session
from app.infrastructure.storage.failures import FAILURES, TIMEOUTS, code_of, status_of, unavailable
from app.infrastructure.storage.rotation import RotatingSigner
from app.infrastructure.storage.signer import Signer
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

OnCall = Callable[[str, str, float], None]
"""Told of every call: operation, outcome (ok, missing, error or timeout), seconds."""

_CHECKSUM_FIELDS: Mapping[ChecksumAlgorithm, str] = {
    algorithm: f"Checksum{algorithm.upper()}" for algorithm in ChecksumAlgorithm
}


class S3ObjectStore:
    """An `ObjectStore`. Signing runs inline; calls run in a bounded pool, S3_TIMEOUT at most."""

    def __init__(
        self,
        settings: Settings,
        client: "S3Client",
        signers: RotatingSigner,
        pool: ThreadPoolExecutor,
        clock: Callable[[], datetime],
        on_call: OnCall,
    ) -> None:
        self._bucket = settings.s3_bucket
        self._timeout = settings.s3_timeout
        self._capabilities = capabilities_of(settings)
        self._client = client
        self._signers = signers
        self._pool = pool
        self._clock = clock
        self._on_call = on_call

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def presign_upload(
        self, spec: UploadSpec, method: UploadMethod, expires_in: int
    ) -> SignedRequest:
        """As the port says. Every header and field is signed; Content-Length is among them."""
        signer, now, lifetime = await self._signing(expires_in)
        sign = self._signed_form if method is UploadMethod.POST else self._signed_put
        return sign(spec, signer, now, lifetime)

    def _signed_put(
        self, spec: UploadSpec, signer: Signer, now: datetime, lifetime: int
    ) -> SignedRequest:
        signed = {"content-length": str(spec.size), "content-type": spec.type}
        sent = {"Content-Type": spec.type}
        if self._capabilities.write_once:
            signed["if-none-match"] = sent["If-None-Match"] = "*"
        if spec.checksum is not None:
            signed[spec.checksum.header] = sent[spec.checksum.header] = spec.checksum.value
        url = signer.presign("PUT", spec.key, headers=signed, expires_in=lifetime, now=now)
        return SignedRequest("PUT", url, now + timedelta(seconds=lifetime), headers=sent)

    def _signed_form(
        self, spec: UploadSpec, signer: Signer, now: datetime, lifetime: int
    ) -> SignedRequest:
        fields = {"Content-Type": spec.type, "success_action_status": "201"}
        if spec.checksum is not None:
            fields[spec.checksum.header] = spec.checksum.value
        form = signer.presign_post(
            spec.key, fields=fields, size=spec.size, expires_in=lifetime, now=now
        )
        ends = now + timedelta(seconds=lifetime)
        return SignedRequest("POST", form.url, ends, fields=form.fields)

    async def presign_download(
        self, key: str, *, type: str, disposition: str, expires_in: int
    ) -> SignedRequest:
        """As the port says."""
        signer, now, lifetime = await self._signing(expires_in)
        answer = {"response-content-type": type, "response-content-disposition": disposition}
        url = signer.presign("GET", key, query=answer, expires_in=lifetime, now=now)
        return SignedRequest("GET", url, now + timedelta(seconds=lifetime))

    async def _signing(self, expires_in: int) -> tuple[Signer, datetime, int]:
        """The signer, the second to sign at, and the seconds until URL or credentials end."""
        now = self._clock().replace(microsecond=0)
        generation = await self._signers.current(now)
        left = generation.ends - now
        return generation.signer, now, min(expires_in, int(left.total_seconds()))

    async def head(self, key: str) -> ObservedObject | None:
        """As the port says."""
        return await self._call("head", lambda: self._head(key))

    def _head(self, key: str) -> ObservedObject | None:
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if status_of(error) != 404:
                raise
            # A HEAD has no body to say whether the object or the whole bucket is missing.
            self._client.head_bucket(Bucket=self._bucket)
            return None
        return _observed(answer)

    async def delete(self, key: str) -> None:
        """As the port says."""
        await self._call("delete", lambda: self._delete(key))

    def _delete(self, key: str) -> None:
        try:
            answer = self._client.delete_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
        else:
            # A bucket that keeps versions says so by naming the delete marker it has put on top.
            if "VersionId" in answer:
                self._delete_versions(key)

    def _delete_versions(self, key: str) -> None:
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._bucket, Prefix=key):
            for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if entry["Key"] == key:
                    self._client.delete_object(
                        Bucket=self._bucket, Key=key, VersionId=entry["VersionId"]
                    )

    async def ping(self) -> None:
        """As the port says."""
        await self._call("ping", lambda: self._client.head_bucket(Bucket=self._bucket))

    async def close(self) -> None:
        """Drop waiting calls and close the connections; a call under way ends by its timeouts."""
        self._signers.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _call(self, operation: str, call: Callable[[], T]) -> T:
        """The call's result from the pool, or `StorageUnavailable` within S3_TIMEOUT."""
        started = perf_counter()
        outcome = "error"
        try:
            async with asyncio.timeout(self._timeout):
                result = await asyncio.get_running_loop().run_in_executor(self._pool, call)
            outcome = "missing" if operation == "head" and result is None else "ok"
        except FAILURES as error:
            outcome = "timeout" if isinstance(error, TIMEOUTS) else "error"
            raise unavailable(error) from error
        finally:
            self._on_call(operation, outcome, perf_counter() - started)
        return result


def _observed(answer: Mapping[str, Any]) -> ObservedObject:
    return ObservedObject(
        size=answer["ContentLength"],
        type=answer.get("ContentType", ""),
        etag=answer.get("ETag", "").strip('"'),
        version_id=answer.get("VersionId"),
        checksums=_full_object_checksums(answer),
    )


def _full_object_checksums(answer: Mapping[str, Any]) -> dict[ChecksumAlgorithm, str]:
    """Those over the whole object: a composite one (`value-parts`) covers the parts' checksums.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    if answer.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return {}
    found = {algorithm: answer.get(name) for algorithm, name in _CHECKSUM_FIELDS.items()}
    return {algorithm: value for algorithm, value in found.items() if value and "-" not in value}


async def open_s3_store(
    settings: Settings,
    *,
    clock: Callable[[], datetime],
    on_call: OnCall,
    on_signer: Callable[[str], None],
) -> S3ObjectStore:
    """Open the store without calling it; `on_signer` is told which signer is in use.

    Raises `StorageUnavailable` when boto3 finds no credentials, and what botocore raises for a
    role that cannot be assumed or a bucket name that cannot be.
    """
    pool = ThreadPoolExecutor(settings.s3_max_connections, thread_name_prefix="s3")
    try:
        session = open_session(settings)
        signers = RotatingSigner(session, settings, pool, on_signer)
        await signers.open(clock())
        client = calling_client(session, settings)
    except BaseException:
        pool.shutdown(wait=False)
        raise
    return S3ObjectStore(settings, client, signers, pool, clock, on_call)
