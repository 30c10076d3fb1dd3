"""Whether a queue of bucket events gets them, keeps them, and is read.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.domain.judgement.wording import counted

MANY = 1_000
"""Messages that wait: more than the workers read in seconds."""

PATIENT = 20
"""Receives after which a dead-letter queue should get a message, at the least: an outage of the
store or of PostgreSQL costs a few."""

GUIDE = "docs/bucket-events.md"

S3 = "s3.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Attributes of an SQS queue. `policy` is None where it has none, `dead` where its dead
    letters cannot be counted, `max_receives` where it has no queue for them."""

    arn: str
    waiting: int
    hidden: int
    policy: Mapping[str, Any] | None
    max_receives: int | None
    dead: int | None

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def is_fifo(self) -> bool:
        return self.arn.endswith(".fifo")


def judge_queue(queue: Queue, *, bucket: str, region: str) -> list[Finding]:
    """As the queue of the events of a bucket in a region."""
    problems = [
        _judge_kind(queue, region),
        _judge_policy(queue, bucket),
        _judge_depth(queue),
        *_judge_dead_letters(queue),
    ]
    said = f"It answers: {queue.waiting} waiting, {queue.hidden} being dealt with."
    return [ok(said), *filter(None, problems)]


def _judge_kind(queue: Queue, region: str) -> Finding | None:
    remedy = Remedy(text=f"Make a standard queue in {region}: {GUIDE}.")
    why = "S3 sends to standard queues in the bucket's own region alone."
    if queue.is_fifo:
        return failure("It is a FIFO queue.", why=why, remedy=remedy)
    if queue.region not in ("", region):
        what = f"It is in {queue.region}, and S3_REGION is {region}."
        return warning(what, why=why, remedy=remedy)
    return None


def _judge_policy(queue: Queue, bucket: str) -> Finding | None:
    if queue.policy is not None and any(
        _lets_send(statement, bucket) for statement in _listed(queue.policy.get("Statement"))
    ):
        return None
    return warning(
        f"Its policy does not let S3 send the events of {bucket}.",
        why="The store then cannot tell of any upload, unless by SNS or EventBridge.",
        remedy=Remedy(
            text=f"Add this statement to its policy ({GUIDE}).",
            command="aws sqs set-queue-attributes --queue-url $S3_EVENTS_QUEUE_URL "
            "--attributes file://queue.json",
            document=sending_policy(queue.arn, bucket),
        ),
    )


def sending_policy(queue_arn: str, bucket: str) -> Mapping[str, Any]:
    """What lets the events of a bucket into a queue."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": S3},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
            }
        ],
    }


def _lets_send(statement: Mapping[str, Any], bucket: str) -> bool:
    """By whom it is for, what it allows and the bucket it names; other conditions count as met."""
    if statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal", {})
    whom = [principal] if isinstance(principal, str) else list(principal.values())
    services = [service for entry in whom for service in _listed(entry)]
    actions = [str(action).lower() for action in _listed(statement.get("Action"))]
    return (
        any(service in ("*", S3) for service in services)
        and any(fnmatchcase("sqs:sendmessage", action) for action in actions)
        and _names(statement.get("Condition", {}), bucket)
    )


def _names(conditions: Mapping[str, Any], bucket: str) -> bool:
    """Partitions other than `aws` have other names for the same bucket."""
    sources = [
        str(pattern).rpartition(":")[2]
        for condition in conditions.values()
        for key, value in condition.items()
        if key.lower() == "aws:sourcearn"
        for pattern in _listed(value)
    ]
    return not sources or any(fnmatchcase(bucket, source) for source in sources)


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _judge_depth(queue: Queue) -> Finding | None:
    if queue.waiting < MANY:
        return None
    return warning(
        f"{queue.waiting} messages wait.",
        why="The workers do not keep up, or none runs: files are late by as much.",
        remedy=Remedy(text="Start more workers.", command="python -m app worker"),
    )


def _judge_dead_letters(queue: Queue) -> list[Finding]:
    if queue.max_receives is None:
        return [note("It has no dead-letter queue: what cannot be read is parked (events list).")]
    found = []
    if queue.max_receives < PATIENT:
        found.append(_impatient(queue.max_receives))
    if queue.dead is None:
        found.append(note("Its dead letters cannot be counted (sqs:GetQueueAttributes on them)."))
    elif queue.dead:
        found.append(_dead(queue.dead))
    return found


def _impatient(receives: int) -> Finding:
    return warning(
        f"Messages are given up after {receives} receives (maxReceiveCount).",
        why="An outage of a few minutes then sends good events to the dead-letter queue.",
        remedy=Remedy(text=f"Let it be {PATIENT} at least ({GUIDE})."),
    )


def _dead(count: int) -> Finding:
    return warning(
        f"{counted(count, 'message')} in its dead-letter queue.",
        why="They never succeeded. A sweep finds their files, later.",
        remedy=Remedy(
            text="Read one; then send them back, or purge them.",
            command="aws sqs start-message-move-task --source-arn DEAD_LETTER_QUEUE_ARN",
        ),
    )


@dataclass(frozen=True, slots=True)
class Subscription:
    """A wish of the bucket's notifications: whom it tells, of which events, under which prefix
    and suffix."""

    target: str
    events: Sequence[str]
    prefix: str = ""
    suffix: str = ""

    @property
    def of_creations(self) -> bool:
        return any(event.startswith("s3:ObjectCreated:") for event in self.events)

    def misses(self, folder: str) -> bool:
        """Whether it leaves out a part of what lies in the folder."""
        return bool(self.suffix) or not folder.startswith(self.prefix)


def judge_subscriptions(
    subscriptions: Sequence[Subscription],
    targets: Sequence[str],
    *,
    folder: str,
    event_bridge: bool,
    remedy: Remedy,
) -> list[Finding]:
    """Of a bucket whose events shall reach one of the `targets` (ARNs); `folder` is what the keys
    of the service begin with. `remedy` sets what is missing."""
    ours = [s for s in subscriptions if s.target in targets and s.of_creations]
    if any(not subscription.misses(folder) for subscription in ours):
        return [ok(f"It tells {', '.join(sorted({s.target for s in ours}))}.")]
    if ours:
        return [_too_narrow(ours[0], folder, remedy)]
    if event_bridge or subscriptions:
        return [
            note(
                "It tells others; those may hand on to the service.",
                "EventBridge and SNS can: the bucket does not say whether they do.",
                remedy,
            )
        ]
    return [
        failure(
            "The bucket tells nobody of new objects.",
            why="No event comes: files whose clients do not report wait for a sweep.",
            remedy=remedy,
        )
    ]


def _too_narrow(subscription: Subscription, folder: str, remedy: Remedy) -> Finding:
    return failure(
        f"It tells of keys that begin with {subscription.prefix!r} and end with "
        f"{subscription.suffix!r} alone; those of the service begin with {folder!r}.",
        why="Of other uploads no event comes: their files wait for clients or a sweep.",
        remedy=remedy,
    )
