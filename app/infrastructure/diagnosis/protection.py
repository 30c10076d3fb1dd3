"""What the bucket is set to do by itself: to whom it is open, what it keeps, how it encrypts."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.infrastructure.diagnosis.command import s3api
from app.infrastructure.diagnosis.probe import BODY
from app.infrastructure.diagnosis.store import NotTold, StoreAccess

_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_STRANGERS: Mapping[str, tuple[str, str, bytes | None]] = {
    "read objects": ("GET", "", None),
    "list the bucket": ("GET", "list-type=2&max-keys=1", None),
    "write objects": ("PUT", "", BODY),
}
"""What is tried without a signature: method, query of the bucket's own address, body."""

_WHY_OPEN = "Files are read, listed or replaced without any permission of the service."


async def examine_public_access(access: StoreAccess) -> list[Finding]:
    """Asks without a signature for an object, for the list, and for leave to write."""
    async with access.probe() as key:
        await access.put(key)
        signed = await access.download(key)
        url = urlsplit(signed.url)._replace(query="").geturl()
        open_to = [what for what in _STRANGERS if await _may(access, what, url, key)]
    if open_to:
        what = f"Anybody may {' and '.join(open_to)}."
        return [failure(what, why=_WHY_OPEN, remedy=_close(access))]
    return [ok("Who has no signed URL may neither read, list nor write."), *await _blocked(access)]


async def _may(access: StoreAccess, what: str, url: str, key: str) -> bool:
    method, query, body = _STRANGERS[what]
    target = f"{url.removesuffix(key)}?{query}" if query else url
    return (await access.web.send(method, target, body=body)).status == 200


async def _blocked(access: StoreAccess) -> list[Finding]:
    """AWS's own lock, which holds whatever policies and ACLs say; hardly another store has it."""
    if access.capabilities.name != "aws":
        return []
    try:
        answer: Any = await access.read(
            "public access block",
            "s3:GetBucketPublicAccessBlock",
            lambda s3: s3.get_public_access_block(Bucket=access.bucket),
            absent="NoSuchPublicAccessBlockConfiguration",
        )
    except NotTold as error:
        return [error.finding]
    switches = (answer or {}).get("PublicAccessBlockConfiguration", {})
    off = [name for name in _SWITCHES if not switches.get(name)]
    if not off:
        return [ok("Public access is blocked, whatever policies say.")]
    what = f"Public access is not blocked: {', '.join(off)} {'is' if len(off) == 1 else 'are'} off."
    why = "One wrong policy or ACL opens every file to everybody."
    return [warning(what, why=why, remedy=_block(access))]


def _close(access: StoreAccess) -> Remedy:
    if access.capabilities.name == "aws":
        return _block(access)
    return Remedy(
        text="Take away the policy, the ACL or the anonymous identity that allows it.",
        command=s3api(access.settings, "get-bucket-policy"),
    )


def _block(access: StoreAccess) -> Remedy:
    wanted = ",".join(f"{name}=true" for name in _SWITCHES)
    arguments = ("--public-access-block-configuration", wanted)
    command = s3api(access.settings, "put-public-access-block", *arguments)
    return Remedy(text="Block public access to the bucket.", command=command)


async def examine_versioning(access: StoreAccess) -> list[Finding]:
    """Told, not judged."""
    answer: Any = await access.read(
        "versioning",
        "s3:GetBucketVersioning",
        lambda s3: s3.get_bucket_versioning(Bucket=access.bucket),
    )
    status = answer.get("Status", "")
    if status != "Enabled":
        return [ok("The bucket keeps no versions." if not status else "Versioning is suspended.")]
    why = "A deletion removes every version of a file, for which it lists them."
    return [note("The bucket keeps versions.", why)]


async def examine_encryption(access: StoreAccess) -> list[Finding]:
    """Told, not judged."""
    answer: Any = await access.read(
        "default encryption",
        "s3:GetEncryptionConfiguration",
        lambda s3: s3.get_bucket_encryption(Bucket=access.bucket),
        absent="ServerSideEncryptionConfigurationNotFoundError",
    )
    rules = (answer or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    names = [
        default["SSEAlgorithm"]
        for rule in rules
        if (default := rule.get("ApplyServerSideEncryptionByDefault"))
    ]
    if not names:
        return [note("The bucket does not encrypt by default.", "The disks may, by other means.")]
    if "AES256" in names:
        return [ok("The bucket encrypts by default (AES256).")]
    why = "The service needs kms:GenerateDataKey and kms:Decrypt on its key."
    return [note(f"The bucket encrypts by default ({', '.join(names)}).", why)]
