"""Whether the bucket removes the parts of uploads that nobody finishes, and nothing else."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.domain.policy import MULTIPART_LIFE
from app.infrastructure.diagnosis.command import s3api
from app.infrastructure.diagnosis.store import StoreAccess
from app.infrastructure.storage.bucket import lifecycle_configuration

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Rules = Sequence[dict[str, Any]]

_OURS: Any = lifecycle_configuration()["Rules"][0]
_DAYS = MULTIPART_LIFE // timedelta(days=1)
_WHY_MISSING = "Their parts cost as objects do, and no listing of objects shows them."
_WHY_SHORT = f"An upload may take {_DAYS} days: the store would throw away parts of one under way."


async def examine_lifecycle(access: StoreAccess) -> list[Finding]:
    """Rules count as they apply to S3_KEY_PREFIX."""
    rules = await _read(access)
    active = [rule for rule in rules if rule.get("Status") == "Enabled"]
    return [_judge_parts(access, rules, active), *_judge_objects(access, active)]


async def _read(access: StoreAccess) -> Rules:
    def read(s3: "S3Client") -> Any:
        return s3.get_bucket_lifecycle_configuration(Bucket=access.bucket).get("Rules", [])

    absent = "NoSuchLifecycleConfiguration"
    found = await access.read(
        "lifecycle rules", "s3:GetLifecycleConfiguration", read, absent=absent
    )
    return list(found or [])


def _judge_parts(access: StoreAccess, rules: Rules, active: Rules) -> Finding:
    aborting = [rule for rule in active if _days(rule) is not None]
    short = [r for r in aborting if (_days(r) or 0) < _DAYS and _touches(r, access.folder)]
    if short:
        return _too_short(access, rules, short)
    covering = [rule for rule in aborting if access.folder.startswith(_prefix(rule))]
    if covering:
        days = min(_days(rule) or 0 for rule in covering)
        return ok(f"Unfinished multipart uploads are aborted after {days} days.")
    return warning(
        "No lifecycle rule aborts unfinished multipart uploads.",
        why=_WHY_MISSING,
        remedy=_remedy(access, rules),
        fixable=True,
    )


def _too_short(access: StoreAccess, rules: Rules, short: Rules) -> Finding:
    names = ", ".join(f"{_name(rule)} ({_days(rule)} days)" for rule in short)
    return failure(
        f"Unfinished multipart uploads are aborted too early: {names}.",
        why=_WHY_SHORT,
        remedy=_remedy(access, [rule for rule in rules if rule not in short]),
        fixable=all(rule.get("ID") == _OURS["ID"] for rule in short),
    )


def _judge_objects(access: StoreAccess, active: Rules) -> list[Finding]:
    return [
        note(
            f"The rule {_name(rule)} removes objects after some time.",
            "Their records stay, and downloads of them end in a 404 of the store.",
        )
        for rule in active
        if "Expiration" in rule and not _only_markers(rule) and _touches(rule, access.folder)
    ]


def _only_markers(rule: dict[str, Any]) -> bool:
    return set(rule["Expiration"]) == {"ExpiredObjectDeleteMarker"}


def _days(rule: dict[str, Any]) -> int | None:
    days: int | None = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
    return days


def _prefix(rule: dict[str, Any]) -> str:
    """What the keys begin with that the rule is for, in each of the ways to say so.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html
    """
    chosen = rule.get("Filter", {})
    prefixes = (rule.get("Prefix"), chosen.get("Prefix"), chosen.get("And", {}).get("Prefix"))
    return next((str(prefix) for prefix in prefixes if prefix), "")


def _touches(rule: dict[str, Any], folder: str) -> bool:
    prefix = _prefix(rule)
    return prefix.startswith(folder) or folder.startswith(prefix)


def _name(rule: dict[str, Any]) -> str:
    return str(rule.get("ID") or "without an ID")


def _remedy(access: StoreAccess, others: Rules) -> Remedy:
    operation = "put-bucket-lifecycle-configuration"
    arguments = ("--lifecycle-configuration", "file://lifecycle.json")
    return Remedy(
        text="Set these rules, saved as lifecycle.json.",
        command=s3api(access.settings, operation, *arguments),
        document=dict(lifecycle_configuration(others)),
    )


async def set_lifecycle(access: StoreAccess) -> str:
    """The fix."""
    merged = lifecycle_configuration(await _read(access))
    await access.change(
        "s3:PutLifecycleConfiguration",
        lambda s3: s3.put_bucket_lifecycle_configuration(
            Bucket=access.bucket, LifecycleConfiguration=merged
        ),
    )
    return "Set a lifecycle rule that aborts unfinished multipart uploads."
