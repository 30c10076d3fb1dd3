"""The bucket of the local store, and the same documents for any other bucket."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.client import calling_client, open_session
from app.infrastructure.storage.failures import FAILURES, code_of, unavailable
from app.settings import Settings, StorageType

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        BucketLifecycleConfigurationTypeDef,
        CORSConfigurationTypeDef,
        CORSRuleTypeDef,
        LifecycleRuleTypeDef,
    )

log = structlog.get_logger()

ABORT_AFTER_DAYS = 30
"""Counted from the beginning alone, so longer than any upload may take: see MULTIPART_LIFE."""

_EXISTS = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
"""The second is SeaweedFS's word for our own bucket; on AWS, where it means somebody else's, the
rules are then refused."""


def cors_configuration(
    origins: Sequence[str], others: Sequence[Any] = ()
) -> "CORSConfigurationTypeDef":
    """What browsers of these origins need to upload and download by URL.

    It comes before the rules of `others`, as the store gave them, which stay: S3 takes the first
    that matches.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
    """
    ours: CORSRuleTypeDef = {
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["PUT", "POST", "GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag", "Location", "x-amz-version-id", "x-amz-request-id"],
        "MaxAgeSeconds": 3600,
    }
    return {"CORSRules": [ours, *(rule for rule in others if rule != ours)]}


def lifecycle_configuration(others: Sequence[Any] = ()) -> "BucketLifecycleConfigurationTypeDef":
    """Parts of uploads that nobody finishes are removed; they cost as objects do, but never show.

    The rules of `others` stay as they are.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html
    """
    ours: LifecycleRuleTypeDef = {
        "ID": "abort-unfinished-multipart-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_AFTER_DAYS},
    }
    return {"Rules": [*(rule for rule in others if rule.get("ID") != ours["ID"]), ours]}


def set_up_bucket(settings: Settings, origins: Sequence[str]) -> None:
    """Create the bucket of the settings with its CORS and lifecycle rules; again: no change.

    Pages of `origins` may upload; without any, the bucket keeps the CORS rules it has. Rules of
    others stay, except in the embedded store, which is nobody else's. Raises `StorageUnavailable`
    when the store does not answer or refuses.
    """
    client = calling_client(open_session(settings), settings)
    try:
        create_bucket(client, settings)
        if origins:
            _put_cors(client, settings, origins)
        _put_lifecycle(client, settings.s3_bucket)
    except FAILURES as error:
        raise unavailable(error) from error
    finally:
        client.close()


def create_bucket(client: "S3Client", settings: Settings) -> None:
    """Create S3_BUCKET unless it is there. Raises what botocore does.

    AWS wants its region in the body, except for us-east-1:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    asked: Any = {"Bucket": settings.s3_bucket}
    if capabilities_of(settings).name == "aws" and settings.s3_region != "us-east-1":
        asked["CreateBucketConfiguration"] = {"LocationConstraint": settings.s3_region}
    try:
        client.create_bucket(**asked)
    except ClientError as error:
        if code_of(error) not in _EXISTS:
            raise


def _put_cors(client: "S3Client", settings: Settings, origins: Sequence[str]) -> None:
    bucket = settings.s3_bucket
    others = [] if settings.storage_type is StorageType.LOCAL else _cors_rules(client, bucket)
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration=cors_configuration(origins, others))


def _cors_rules(client: "S3Client", bucket: str) -> Sequence[Any]:
    try:
        return client.get_bucket_cors(Bucket=bucket)["CORSRules"]
    except ClientError as error:
        if code_of(error) == "NoSuchCORSConfiguration":
            return []
        raise


def _put_lifecycle(client: "S3Client", bucket: str) -> None:
    try:
        client.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration=lifecycle_configuration(_lifecycle_rules(client, bucket)),
        )
    except ClientError as error:
        log.warning(
            "the store takes no rule to abort multipart uploads", bucket=bucket, code=code_of(error)
        )


def _lifecycle_rules(client: "S3Client", bucket: str) -> Sequence[Any]:
    try:
        return client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if code_of(error) == "NoSuchLifecycleConfiguration":
            return []
        raise
