"""A queue as the store's events come by: an SQS of this environment's own, on loopback."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import boto3
from botocore.client import BaseClient

from benchmarks.servers import free_port
from benchmarks.stage import Stage

PROGRAM = Path(sys.prefix) / "aws" / "bin" / "ministack"
START_TIMEOUT = 60.0
BATCH = 10
"""Messages of one call, the most that SQS allows."""


class Queue:
    """What a bucket tells its events to; `url` is for S3_EVENTS_QUEUE_URL."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.url: str = client.create_queue(QueueName="bench")["QueueUrl"]

    def tell(self, bodies: Sequence[str]) -> None:
        for first in range(0, len(bodies), BATCH):
            some = bodies[first : first + BATCH]
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(some)]
            self._client.send_message_batch(QueueUrl=self.url, Entries=entries)

    def left(self) -> int:
        """Messages that nobody has deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


@contextmanager
def running_queue(stage: Stage) -> Iterator[Queue]:
    """For who has the credentials of the store of `stage`."""
    settings = stage.settings
    if not (settings.s3_access_key and settings.s3_secret_key):
        raise RuntimeError("the embedded store has its own keys")
    keys = (settings.s3_access_key.get_secret_value(), settings.s3_secret_key.get_secret_value())
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with open(stage.directory / "queue.log", "ab") as log:
        process = subprocess.Popen(
            [PROGRAM],
            cwd=stage.directory,
            env={"PATH": os.environ["PATH"], **_environment(port, *keys)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(process, f"{url}/_ministack/health")
        client: BaseClient = boto3.Session(*keys, region_name=settings.s3_region).client(
            "sqs", endpoint_url=url
        )
        yield Queue(client)
    finally:
        process.terminate()
        process.wait()


def _environment(port: int, access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "sqs,iam,sts",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
    }


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            opener.open(url, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{PROGRAM} did not start")
