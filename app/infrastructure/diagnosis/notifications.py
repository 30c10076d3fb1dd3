"""Whether the bucket tells whoever hands its events on to us."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.domain.diagnosis import Finding, Remedy, ok
from app.domain.judgement.queue import Subscription, judge_subscriptions
from app.infrastructure.diagnosis.command import s3api
from app.infrastructure.diagnosis.event_queue import queue_arn
from app.infrastructure.diagnosis.store import NotTold, StoreAccess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOT_IN_USE = "Not in use: neither S3_EVENTS_QUEUE_URL nor STORAGE_EVENTS_TOPICS is set."

_TARGETS = {"QueueConfigurations": "QueueArn", "TopicConfigurations": "TopicArn"}


async def examine_notifications(access: StoreAccess) -> list[Finding]:
    """By queue or topic. Where the store posts by itself, it is another's configuration."""
    targets = await _targets(access)
    if not targets:
        return [ok(NOT_IN_USE)]

    def read(s3: "S3Client") -> Mapping[str, Any]:
        return s3.get_bucket_notification_configuration(Bucket=access.bucket)

    try:
        told = await access.read("bucket's notifications", "s3:GetBucketNotification", read) or {}
    except NotTold as error:
        return [error.finding]
    return judge_subscriptions(
        list(_subscriptions(told)),
        targets,
        folder=access.folder,
        event_bridge="EventBridgeConfiguration" in told,
        remedy=_remedy(access, targets[0]),
    )


async def _targets(access: StoreAccess) -> Sequence[str]:
    settings = access.settings
    if settings.s3_events_queue_url is None:
        return settings.storage_events_topics
    arn = await asyncio.to_thread(queue_arn, settings, settings.s3_events_queue_url)
    return [arn, *settings.storage_events_topics]


def _subscriptions(told: Mapping[str, Any]) -> Iterator[Subscription]:
    for kind, target in _TARGETS.items():
        for entry in told.get(kind, ()):
            rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
            # The names come as `Prefix` or as `prefix`.
            found = {rule["Name"].lower(): rule.get("Value", "") for rule in rules}
            yield Subscription(
                entry[target], entry["Events"], found.get("prefix", ""), found.get("suffix", "")
            )


def _remedy(access: StoreAccess, target: str) -> Remedy:
    """It replaces all that the bucket is told: what is there already has to be in the document."""
    kind = "QueueConfigurations" if ":sqs:" in target else "TopicConfigurations"
    prefix = {"FilterRules": [{"Name": "prefix", "Value": access.folder}]}
    wish = {_TARGETS[kind]: target, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": prefix}}
    return Remedy(
        text="Have it tell of new objects; write what it tells others into the same document.",
        command=s3api(
            access.settings,
            "put-bucket-notification-configuration",
            "--notification-configuration",
            "file://notifications.json",
        ),
        document={kind: [wish]},
    )
