"""An AWS on the loopback that verifies signatures and policies: S3, SQS and IAM."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from pydantic import SecretStr

from app.settings import Settings, StorageType
from tests.support.processes import eventually, free_port

PROGRAM = Path(sys.prefix) / "aws" / "bin" / "ministack"
REGION = "us-east-1"
ROOT = ("ROOTOFTHETESTS", "the-roots-own-secret")
"""Whoever signs with another key id that IAM knows is verified; the root is not."""


@dataclass(frozen=True)
class Aws:
    """Where it answers; `root` may do everything."""

    endpoint_url: str

    @cache  # noqa: B019 -- there is one for the session
    def root(self, service: str) -> Any:
        """A client of that service."""
        return boto3.Session(*ROOT, region_name=REGION).client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
        )


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """One for the session; each test makes its own buckets and queues."""
    assert PROGRAM.exists(), f"make installs it: {PROGRAM}"
    directory, port = tmp_path_factory.mktemp("aws"), free_port()
    given = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "s3,sqs,sns,iam,sts",
        "AWS_ACCESS_KEY_ID": ROOT[0],
        "AWS_SECRET_ACCESS_KEY": ROOT[1],
        "TMPDIR": str(directory),
    }
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM],
            cwd=directory,
            env={"PATH": os.environ["PATH"], **given},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url) or process.poll() is not None, "it answers")
        assert process.poll() is None, (directory / "log").read_text()
        yield Aws(url)
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_ministack/health", trust_env=False, verify=False).is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Bucket:
    """A bucket that tells a queue what is created in it, and who may do what the service does."""

    aws: Aws
    name: str
    queue_url: str
    settings: Settings

    def told(self) -> int:
        """How many messages are in the queue, those hidden included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.aws.root("sqs").get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=names
        )
        return sum(int(answer["Attributes"][name]) for name in names)

    def tell(self, body: str) -> None:
        """Put a message of anybody's into the queue."""
        self.aws.root("sqs").send_message(QueueUrl=self.queue_url, MessageBody=body)


@pytest.fixture
def new_bucket(aws: Aws, settings: Settings) -> Callable[..., Bucket]:
    """Makes buckets, and settings of a service on them; takes attributes of the queue."""

    def make(**attributes: str) -> Bucket:
        name = f"b{uuid.uuid4().hex}"
        queue_url, arn = _queue(aws, name, attributes)
        aws.root("s3").create_bucket(Bucket=name)
        wish = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
        aws.root("s3").put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"QueueConfigurations": [wish]}
        )
        aws.root("sqs").purge_queue(QueueUrl=queue_url)  # of the test event
        keys = _user(aws, name, arn)
        changes = {
            "storage_type": StorageType.S3,
            "s3_bucket": name,
            "s3_region": REGION,
            "s3_endpoint_url": aws.endpoint_url,
            "s3_access_key": SecretStr(keys["AccessKeyId"]),
            "s3_secret_key": SecretStr(keys["SecretAccessKey"]),
            "s3_addressing_style": "path",
            "s3_provider": "aws",
            "s3_events_queue_url": queue_url,
        }
        return Bucket(aws, name, queue_url, settings.model_copy(update=changes))

    return make


def _queue(aws: Aws, name: str, attributes: dict[str, str]) -> tuple[str, str]:
    """The URL and the ARN of a queue to which that bucket may send."""
    sqs = aws.root("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{name}"}},
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(statement)})
    return url, arn


def _user(aws: Aws, bucket: str, queue_arn: str) -> dict[str, str]:
    """Keys with the rights that the README and docs/bucket-events.md ask for, and no others."""
    iam = aws.root("iam")
    iam.create_user(UserName=bucket)
    actions = [
        *("s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
        *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
    ]
    lists = ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"]
    reads = ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"]
    # At AWS the right to the single call includes the batch; here it has a name of its own.
    reads += ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"]
    policy = _policy(
        {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/uploads/*"},
        {"Effect": "Allow", "Action": lists, "Resource": f"arn:aws:s3:::{bucket}"},
        {"Effect": "Allow", "Action": [f"sqs:{name}" for name in reads], "Resource": queue_arn},
    )
    iam.put_user_policy(UserName=bucket, PolicyName="slipway", PolicyDocument=policy)
    return dict(iam.create_access_key(UserName=bucket)["AccessKey"])


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
