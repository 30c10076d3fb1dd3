"""Whether the credentials may do what the service does with the bucket, and how much more.

Every right is tried by a call that changes nothing, or only a probe of the doctor's own.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.diagnosis.probe import BODY, NO_UPLOAD
from app.infrastructure.diagnosis.store import PROBES, StoreAccess
from app.infrastructure.storage.failures import FAILURES, status_of, unavailable
from app.settings import Settings, StorageType

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Call = Callable[["S3Client"], Any]

_OBJECTS = (
    *("s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
)
_BUCKET = ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")

OTHERS = 3
"""So many other buckets are tried."""


def policy_document(settings: Settings) -> dict[str, Any]:
    """All that the service needs at its bucket; the two rights to versions, where it keeps them.

    See app/infrastructure/storage/s3.py for what each is for.
    """
    prefix = settings.s3_key_prefix.strip("/")
    bucket = f"arn:aws:s3:::{settings.s3_bucket}"
    objects = f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(_OBJECTS), "Resource": objects},
            {"Effect": "Allow", "Action": list(_BUCKET), "Resource": bucket},
        ],
    }


async def examine_permissions(access: StoreAccess) -> list[Finding]:
    """What is missing, then what is too much."""
    missing = [action for action, call in _harmless(access).items() if await _denied(access, call)]
    if "s3:DeleteObject" not in missing:  # else what is written would stay
        missing += await _missing_on_objects(access)
    found = (
        [_missing(access, missing)] if missing else [ok("All that the service needs is allowed.")]
    )
    excess = await _excess(access)
    return [*found, _too_much(access, excess)] if excess else found


def _harmless(access: StoreAccess) -> Mapping[str, Call]:
    """Calls that find nothing to act upon."""
    here = {"Bucket": access.bucket}
    nothing = {**here, "Key": f"{access.probes}nothing"}
    upload: Any = {**nothing, "UploadId": NO_UPLOAD}
    listing: Any = {**here, "Prefix": access.probes}
    return {
        "s3:ListBucket": lambda s3: s3.list_objects_v2(**listing, MaxKeys=1),
        "s3:ListBucketMultipartUploads": lambda s3: s3.list_multipart_uploads(
            **listing, MaxUploads=1
        ),
        "s3:ListMultipartUploadParts": lambda s3: s3.list_parts(**upload),
        "s3:AbortMultipartUpload": lambda s3: s3.abort_multipart_upload(**upload),
        "s3:DeleteObject": lambda s3: s3.delete_object(**nothing),
    }


async def _missing_on_objects(access: StoreAccess) -> list[str]:
    """Of the rights that take an object to be seen: it is written, read and removed."""
    key: Any = {"Bucket": access.bucket, "Key": f"{access.probes}nothing"}
    written = await _try(access, lambda s3: s3.put_object(**key, Body=BODY))
    if written is None:
        return ["s3:PutObject"]
    missing = []
    if await _denied(access, lambda s3: s3.get_object(**key)["Body"].close()):
        missing.append("s3:GetObject")
    await _try(access, lambda s3: s3.delete_object(**key))
    if "VersionId" in written:
        missing += await _missing_on_versions(access, key)
    return missing


async def _missing_on_versions(access: StoreAccess, key: Mapping[str, str]) -> list[str]:
    listed = await _try(
        access, lambda s3: s3.list_object_versions(Bucket=key["Bucket"], Prefix=key["Key"])
    )
    if listed is None:
        return ["s3:ListBucketVersions"]
    for entry in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        if await _denied(access, _removal(key, entry["VersionId"])):
            return ["s3:DeleteObjectVersion"]
    return []


def _removal(key: Mapping[str, str], version_id: str) -> Call:
    version: Any = {**key, "VersionId": version_id}
    return lambda s3: s3.delete_object(**version)


async def _denied(access: StoreAccess, call: Call) -> bool:
    return await _try(access, call) is None


async def _try(access: StoreAccess, call: Call) -> Mapping[str, Any] | None:
    """The answer, empty for a refusal that is not for want of a right; None for one that is."""
    try:
        return await access.call(call) or {}
    except FAILURES as error:
        if not isinstance(error, ClientError) or status_of(error) >= 500:
            raise unavailable(error) from error
        return None if status_of(error) == 403 else {}


def _missing(access: StoreAccess, missing: list[str]) -> Finding:
    return failure(
        f"The credentials lack {', '.join(missing)}.",
        why="Uploads, their verification or their removal fail with AccessDenied.",
        remedy=_remedy(access, "Give them these rights, and no others."),
    )


async def _excess(access: StoreAccess) -> list[str]:
    """Rights beyond S3_KEY_PREFIX and S3_BUCKET, as far as they show without doing harm."""
    if access.settings.storage_type is StorageType.LOCAL:
        return []  # the embedded store serves nobody else
    found = []
    if access.folder:
        outside: Any = {"Bucket": access.bucket, "Key": f"{PROBES}/nothing"}
        if not await _denied(access, lambda s3: s3.get_object(**outside)):
            found.append(f"read objects outside {access.folder}")
        upload: Any = {**outside, "UploadId": NO_UPLOAD}
        if not await _denied(access, lambda s3: s3.abort_multipart_upload(**upload)):
            found.append(f"abort uploads outside {access.folder}")
    try:
        return found + await _excess_elsewhere(access)
    except StorageUnavailable:  # a store without that call
        return found


async def _excess_elsewhere(access: StoreAccess) -> list[str]:
    listed = await _try(access, lambda s3: s3.list_buckets())
    if listed is None:
        return []
    others = [b["Name"] for b in listed.get("Buckets", ()) if b["Name"] != access.bucket]
    readable = [name for name in others[:OTHERS] if await _can_list(access, name)]
    return ["list all buckets", *(f"list the objects of {name}" for name in readable)]


async def _can_list(access: StoreAccess, bucket: str) -> bool:
    return not await _denied(access, lambda s3: s3.list_objects_v2(Bucket=bucket, MaxKeys=1))


def _too_much(access: StoreAccess, excess: list[str]) -> Finding:
    what = f"The credentials may do more than the service needs: {', '.join(excess)}."
    why = "Whoever gets hold of them gets hold of that too."
    if not access.settings.is_production:
        return note(what, why)
    remedy = _remedy(access, "Give the service credentials of its own, with these rights alone.")
    return warning(what, why=why, remedy=remedy)


def _remedy(access: StoreAccess, text: str) -> Remedy:
    return Remedy(
        text=f"{text} Saved as policy.json:",
        command="aws iam put-user-policy --user-name slipway --policy-name slipway "
        "--policy-document file://policy.json  # or put-role-policy --role-name …",
        document=policy_document(access.settings),
    )
