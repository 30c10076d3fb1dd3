"""The object store over the S3 API.

The least that the service's credentials must be allowed (IAM):

    s3:PutObject, s3:GetObject     on bucket/*   what URLs and forms do; GetObject covers HEAD
    s3:DeleteObject                on bucket/*
    s3:AbortMultipartUpload        on bucket/*   PutObject covers the rest of a multipart upload
    s3:ListMultipartUploadParts    on bucket/*
    s3:ListBucketMultipartUploads  on bucket
    s3:ListBucket                  on bucket     or a missing object is a 403, not a 404
    s3:DeleteObjectVersion         on bucket/*   where the bucket keeps versions
    s3:ListBucketVersions          on bucket     likewise
    kms:GenerateDataKey, kms:Decrypt             where the bucket encrypts with SSE-KMS

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html ("Permissions")
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html ("API and permissions")
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from app.domain.ports import ObservedObject
from app.infrastructure.storage.calls import OnCall
from app.infrastructure.storage.client import calling_client, open_session
from app.infrastructure.storage.failures import code_of
from app.infrastructure.storage.head import HeadObject
from app.infrastructure.storage.listing import S3Listing
from app.infrastructure.storage.presigning import S3Presigning
from app.infrastructure.storage.rotation import RotatingSigner
from app.infrastructure.storage.s3_multipart import S3Multipart
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3ObjectStore(S3Presigning, S3Multipart, S3Listing):
    """An `ObjectStore` and `StoreListing`. Signing runs inline; calls run in a bounded pool,
    S3_TIMEOUT at most, completing a multipart upload S3_COMPLETE_TIMEOUT."""

    def __init__(
        self,
        settings: Settings,
        client: "S3Client",
        patient_client: "S3Client",
        signers: RotatingSigner,
        pool: ThreadPoolExecutor,
        clock: Callable[[], datetime],
        on_call: OnCall,
    ) -> None:
        S3Presigning.__init__(self, settings, signers, clock)
        S3Multipart.__init__(self, settings, client, patient_client, pool, on_call)
        self._head_object = HeadObject(client, settings.s3_bucket)

    async def head(self, key: str) -> ObservedObject | None:
        """As the port says."""
        signed = await self._sign_head(key)
        return await self._call("head", lambda: self._head_object(key, signed))

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
        self._patient_client.close()


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
        patient_client = calling_client(session, settings, timeout=settings.s3_complete_timeout)
    except BaseException:
        pool.shutdown(wait=False)
        raise
    return S3ObjectStore(settings, client, patient_client, signers, pool, clock, on_call)
