"""Whether the queue of bucket events answers, lets itself be read, and keeps up."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from botocore.exceptions import ClientError

from app.domain.diagnosis import Finding, Remedy, failure, ok
from app.domain.judgement.queue import GUIDE, Queue, judge_queue
from app.infrastructure.events.sqs import FAILURES, error_name, queue_client
from app.infrastructure.storage.failures import status_of
from app.settings import Settings

NOT_IN_USE = "Not in use: S3_EVENTS_QUEUE_URL is not set."

_NO_MESSAGE = "of-no-message"
"""A receipt that SQS refuses as invalid, after it has looked at the caller's rights."""

_WHY = "No event is read: files whose clients do not report wait for a sweep."

_CAUSES = {
    "NonExistentQueue": f"Create it ({GUIDE}), or mend S3_EVENTS_QUEUE_URL.",
    "SignatureDoesNotMatch": "Mend the secret key: the queue is read with the keys of the store.",
    "InvalidClientTokenId": "Mend the access key: the queue is read with the keys of the store.",
    "ExpiredToken": "Renew the session's keys, or give the process a role.",
    "EndpointConnectionError": "Mend S3_EVENTS_QUEUE_URL, or the network to SQS.",
    "ConnectTimeoutError": "Mend the network to SQS: in a private one it needs a VPC endpoint.",
    "NoCredentialsError": "Give the process a role, or keys: see the check of credentials.",
}


async def examine_queue(settings: Settings) -> list[Finding]:
    """Without taking a message."""
    if settings.s3_events_queue_url is None:
        return [ok(NOT_IN_USE)]
    return await asyncio.to_thread(_examine, settings, settings.s3_events_queue_url)


def queue_arn(settings: Settings, url: str) -> str:
    """Blocks. Raises one of `FAILURES`."""
    with closing(queue_client(settings, url)) as sqs:
        return str(_attributes(sqs, url)["QueueArn"])


def _examine(settings: Settings, url: str) -> list[Finding]:
    try:
        with closing(queue_client(settings, url)) as sqs:
            attributes = _attributes(sqs, url)
            refused = _refused(sqs, url, attributes)
            queue = _queue(sqs, url, attributes)
    except FAILURES as error:
        return [_unreadable(error, url)]
    if refused:
        return [_not_allowed(refused, queue.arn)]
    return judge_queue(queue, bucket=settings.s3_bucket, region=settings.s3_region)


def _attributes(sqs: Any, url: str) -> Mapping[str, str]:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(answer["Attributes"])


def _queue(sqs: Any, url: str, attributes: Mapping[str, str]) -> Queue:
    redrive = json.loads(attributes.get("RedrivePolicy", "null"))
    return Queue(
        arn=attributes["QueueArn"],
        waiting=_waiting(attributes),
        hidden=int(attributes.get("ApproximateNumberOfMessagesNotVisible", "0")),
        policy=json.loads(attributes.get("Policy", "null")),
        max_receives=int(redrive["maxReceiveCount"]) if redrive else None,
        dead=_dead_letters(sqs, url, redrive["deadLetterTargetArn"]) if redrive else None,
    )


def _waiting(attributes: Mapping[str, str]) -> int:
    return int(attributes.get("ApproximateNumberOfMessages", "0"))


def _dead_letters(sqs: Any, url: str, arn: str) -> int | None:
    """It lies in the same account and region: AWS demands that."""
    dead_url = f"{url.rpartition('/')[0]}/{arn.rpartition(':')[2]}"
    try:
        return _waiting(_attributes(sqs, dead_url))
    except FAILURES:
        return None


def _refused(sqs: Any, url: str, attributes: Mapping[str, str]) -> list[str]:
    """The rights that the workers need and do not have.

    Receiving counts towards maxReceiveCount, so it is tried on an empty queue alone.
    """
    receipt = {"QueueUrl": url, "ReceiptHandle": _NO_MESSAGE}
    calls: dict[str, Callable[[], Any]] = {
        "sqs:DeleteMessage": lambda: sqs.delete_message(**receipt),
        "sqs:ChangeMessageVisibility": lambda: sqs.change_message_visibility(
            **receipt, VisibilityTimeout=0
        ),
    }
    if not _waiting(attributes):
        calls["sqs:ReceiveMessage"] = lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    return [action for action, call in calls.items() if _is_refused(call)]


def _is_refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return status_of(error) == 403
    return False


def _unreadable(error: Exception, url: str) -> Finding:
    if isinstance(error, ClientError) and error_name(error).startswith("AccessDenied"):
        return _not_allowed(["sqs:GetQueueAttributes"], "the queue's ARN")
    name = error_name(error).rpartition(".")[2]
    default = "See whether this machine reaches SQS, and S3_EVENTS_QUEUE_URL."
    remedy = Remedy(text=_CAUSES.get(name, default))
    return failure(f"The queue does not answer as it should ({name}).", why=_WHY, remedy=remedy)


def _not_allowed(actions: list[str], resource: str) -> Finding:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return failure(
        f"The credentials lack {', '.join(actions)} on it.",
        why=_WHY,
        remedy=Remedy(
            text="Allow it to the role or user that the workers run as.",
            document={"Version": "2012-10-17", "Statement": [statement]},
        ),
    )
