"""Whether the bucket answers by the signed URLs of the settings, at both its addresses."""

import asyncio
from urllib.parse import urlsplit

from app.domain.diagnosis import Finding, Remedy, failure, ok
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.diagnosis.command import s3api
from app.infrastructure.diagnosis.http import Answer
from app.infrastructure.diagnosis.store import StoreAccess
from app.infrastructure.storage.bucket import create_bucket
from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.client import addressing_style, signing_client
from app.infrastructure.storage.credentials import read_credentials
from app.settings import Settings

_WHY = "No URL that is handed out works."
_ENDPOINT, _PUBLIC = "S3_ENDPOINT_URL", "S3_PUBLIC_ENDPOINT_URL"


async def examine_bucket(access: StoreAccess) -> list[Finding]:
    """A signed list of one key: by hand, because boto3 follows a bucket into its region, where
    the URLs of clients would not follow."""
    settings = access.settings
    ways = [(_ENDPOINT, settings.model_copy(update={"s3_public_endpoint_url": None}))]
    if settings.s3_public_endpoint_url:
        ways.append((_PUBLIC, settings))
    return [await _examine(access, way, chosen) for way, chosen in ways]


async def _examine(access: StoreAccess, way: str, settings: Settings) -> Finding:
    try:
        url, answer = await _ask(access, settings)
        unreachable = ""
    except StorageUnavailable as error:
        url, answer, unreachable = "", Answer(0), error.detail
    style = addressing_style(settings)
    if _lists(answer):
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        return ok(f"{settings.s3_bucket} answers at {origin} ({style}-style addresses).")
    if wrong_region := _judge_region(answer, settings):
        return wrong_region
    other = "path" if style == "virtual" else "virtual"
    if answer.status != 403 and await _answers(access, settings, other):
        return _wrong_style(way, style, other)
    if unreachable:
        remedy = Remedy(text=f"Mend {way}, or the network between this machine and the store.")
        return failure(unreachable, why=_WHY, remedy=remedy)
    return _judge_refusal(answer, way, settings)


async def _ask(access: StoreAccess, settings: Settings) -> tuple[str, Answer]:
    url = await asyncio.to_thread(_list_url, access, settings)
    return url, await access.web.send("GET", url)


def _list_url(access: StoreAccess, settings: Settings) -> str:
    credentials = read_credentials(access.session.get_credentials())
    endpoint_url = settings.s3_public_endpoint_url or settings.s3_endpoint_url
    client = signing_client(access.session, settings, credentials, endpoint_url)
    asked = {"Bucket": settings.s3_bucket, "MaxKeys": 1, "Prefix": access.probes}
    return client.generate_presigned_url("list_objects_v2", Params=asked, ExpiresIn=300)


async def _answers(access: StoreAccess, settings: Settings, style: str) -> bool:
    try:
        other = settings.model_copy(update={"s3_addressing_style": style})
        _, answer = await _ask(access, other)
    except StorageUnavailable:
        return False
    return _lists(answer)


def _lists(answer: Answer) -> bool:
    return answer.status == 200 and b"<ListBucketResult" in answer.body


def _judge_region(answer: Answer, settings: Settings) -> Finding | None:
    """301, 307 and 400 name the region that the bucket is in.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html ("Redirection")
    """
    region = answer.region
    if answer.status == 404 or region in ("", settings.s3_region):
        return None
    return failure(
        f"The bucket is in {region}, and S3_REGION is {settings.s3_region} ({answer}).",
        why="URLs are signed for one region, and browsers do not follow a bucket into another.",
        remedy=Remedy(
            text="Set its region, and with an S3_ENDPOINT_URL of AWS the endpoint of that region.",
            command=f"S3_REGION={region}",
        ),
    )


def _wrong_style(way: str, style: str, other: str) -> Finding:
    return failure(
        f"At {way} the store answers to {other}-style addresses, not to {style}-style ones.",
        why=_WHY,
        remedy=Remedy(
            text="Choose the addresses that the store answers to.",
            command=f"S3_ADDRESSING_STYLE={other}",
        ),
    )


def _judge_refusal(answer: Answer, way: str, settings: Settings) -> Finding:
    if answer.code == "NoSuchBucket":
        return _no_bucket(settings)
    if answer.code:
        what = f"At {way} the store refuses to list the bucket: {answer}."
        text = _BY_CODE.get(answer.code, "See what the store's own log says of it.")
        return failure(what, why=_WHY, remedy=Remedy(text=text))
    return failure(
        f"What answers at {way} is no S3: {answer.status} without an S3 document.",
        why=_WHY,
        remedy=Remedy(
            text=f"Set {way} to the S3 address of the store, not to that of its console."
        ),
    )


def _no_bucket(settings: Settings) -> Finding:
    return failure(
        f"There is no bucket {settings.s3_bucket}.",
        why=_WHY,
        remedy=Remedy(
            text="Create it, or set S3_BUCKET to the one that there is.",
            command=s3api(settings, "create-bucket", *_location(settings)),
        ),
        fixable=True,
    )


def _location(settings: Settings) -> list[str]:
    if capabilities_of(settings).name != "aws" or settings.s3_region == "us-east-1":
        return []
    return ["--create-bucket-configuration", f"LocationConstraint={settings.s3_region}"]


_BY_CODE = {
    "InvalidAccessKeyId": "Mend the access key: the store does not know it.",
    "SignatureDoesNotMatch": "Mend the secret key; or let the proxy before the store pass on the "
    "Host header and the path as they are.",
    "AccessDenied": "Let the credentials list the bucket (s3:ListBucket), or set S3_BUCKET to your "
    "own: the name may be somebody else's.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "ExpiredToken": "Renew the session's keys, or give the process a role.",
    "InvalidToken": "Mend AWS_SESSION_TOKEN: it does not belong to the keys.",
}
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


async def create(access: StoreAccess) -> str:
    """The fix."""
    await access.change("s3:CreateBucket", lambda s3: create_bucket(s3, access.settings))
    return f"Created the bucket {access.bucket}."
