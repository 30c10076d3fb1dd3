"""The queue of bucket events at `S3_EVENTS_QUEUE_URL`.

The least that the worker's credentials must be allowed on it (IAM): sqs:ReceiveMessage,
sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.infrastructure.storage.client import ATTEMPTS, open_session
from app.settings import Settings

T = TypeVar("T")

BATCH = 10
"""Messages of one call, the most that SQS allows."""
LONG_POLL = 20
"""Seconds that a call for messages waits for the first, the most that SQS allows."""
TIMEOUT = 5.0
"""Seconds of one attempt of any other call, and beyond a long poll."""

FAILURES = (BotoCoreError, ClientError, OSError, RuntimeError)
_REGION = re.compile(r"sqs\.([a-z0-9-]+)\.")

log = structlog.get_logger(__name__)


class QueueUnavailable(Exception):
    """The queue did not answer, or not as it should; it is named by the error's class alone."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """`receives` counts how often it was handed out, this time included."""

    id: str
    receipt: str
    body: str
    receives: int


class SqsQueue:
    """Raises `QueueUnavailable` from every call. Nothing is called before it is needed.

    A message that was received is hidden from others for `visibility` seconds.
    """

    def __init__(self, settings: Settings, *, visibility: int, threads: int) -> None:
        if settings.s3_events_queue_url is None:
            raise ValueError("set S3_EVENTS_QUEUE_URL")
        self._url = settings.s3_events_queue_url
        self._visibility = visibility
        self._client = queue_client(settings, self._url, threads, TIMEOUT)
        self._patient_client = queue_client(settings, self._url, threads, LONG_POLL + TIMEOUT)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sqs")

    async def receive(self) -> list[QueuedMessage]:
        """Up to BATCH messages; none after LONG_POLL seconds without any.

        May be cancelled at any time: what it would have received comes again to somebody.
        """
        answer = await _in_daemon(
            lambda: self._patient_client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=LONG_POLL,
                VisibilityTimeout=self._visibility,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        )
        return [_message(item) for item in answer.get("Messages", ())]

    async def delete(self, messages: Sequence[QueuedMessage]) -> None:
        """They are done."""
        entries = [{"Id": str(n), "ReceiptHandle": m.receipt} for n, m in enumerate(messages)]
        await self._batch(self._client.delete_message_batch, entries)

    async def hide(self, messages: Mapping[QueuedMessage, int]) -> None:
        """Hide each from now on for so many seconds; 0 hands it to the next who asks."""
        entries = [
            {"Id": str(n), "ReceiptHandle": m.receipt, "VisibilityTimeout": seconds}
            for n, (m, seconds) in enumerate(messages.items())
        ]
        await self._batch(self._client.change_message_visibility_batch, entries)

    async def has_dead_letters(self) -> bool:
        """Whether the queue itself moves a message away that is received too often."""
        answer = await self._call(
            lambda: self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["RedrivePolicy"]
            )
        )
        return "RedrivePolicy" in answer.get("Attributes", {})

    def close(self) -> None:
        """A call for messages that is under way is left to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()
        self._patient_client.close()

    async def _batch(self, call: Callable[..., Any], entries: Sequence[Mapping[str, Any]]) -> None:
        if not entries:
            return
        answer = await self._call(lambda: call(QueueUrl=self._url, Entries=entries))
        if failed := answer.get("Failed"):
            raise QueueUnavailable(", ".join(sorted({item["Code"] for item in failed})))

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except FAILURES as error:
            raise QueueUnavailable(error_name(error)) from error


def queue_client(settings: Settings, url: str, threads: int = 1, timeout: float = TIMEOUT) -> Any:
    """For the host of the queue's URL, in whose name the region stands at AWS."""
    parts = urlsplit(url)
    region = _REGION.search(parts.netloc)
    return open_session(settings).client(
        "sqs",
        endpoint_url=f"{parts.scheme}://{parts.netloc}",
        region_name=region[1] if region else settings.s3_region,
        config=Config(
            connect_timeout=TIMEOUT,
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=threads,
        ),
    )


def _message(item: Mapping[str, Any]) -> QueuedMessage:
    receives = item.get("Attributes", {}).get("ApproximateReceiveCount", "1")
    return QueuedMessage(item["MessageId"], item["ReceiptHandle"], item["Body"], int(receives))


def error_name(error: Exception) -> str:
    """SQS's code, or the class: the text may name more than a log should."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__


async def _in_daemon(call: Callable[[], T]) -> T:
    """Its result, from a thread that does not keep the process from ending.

    Threads of a pool are waited for at the end, and a long poll lasts 20 seconds.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)  # type: ignore[arg-type]
            else:
                future.set_exception(error)

    def work() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = call()
        except FAILURES as error:
            failure = QueueUnavailable(error_name(error))
            failure.__cause__ = error
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, name="sqs-receive", daemon=True).start()
    return await future
