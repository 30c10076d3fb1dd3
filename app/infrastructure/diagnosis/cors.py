"""Whether pages of CORS_ORIGINS may do at the store what their instructions say.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.domain.file import UploadMethod
from app.domain.ports import Capabilities, SignedRequest
from app.infrastructure.diagnosis.command import s3api
from app.infrastructure.diagnosis.http import Answer
from app.infrastructure.diagnosis.probe import EXPIRES_IN, spec_of
from app.infrastructure.diagnosis.store import NotTold, StoreAccess
from app.infrastructure.storage.bucket import cors_configuration

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANYONE = "https://a-page.example"
"""Stands for every origin where CORS_ORIGINS is `*`."""

EXPOSED = ("etag",)
"""What a page must be able to read: the ETag of each part, for those who complete with them."""

_WHY = "Browsers refuse to send the bytes, with nothing but a `CORS error` on their console."
_WHY_EXPOSED = (
    "Pages that complete a multipart upload with the ETags of its parts cannot read them."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A request that a browser asks leave for; `headers` in lower case."""

    method: str
    url: str
    headers: tuple[str, ...] = ()


async def examine_cors(access: StoreAccess) -> list[Finding]:
    """Real preflights through the public endpoint, and a real answer for what it exposes."""
    origins = access.settings.cors_origins
    if not origins:
        return [note("CORS_ORIGINS is empty: no page of another origin may call the API either.")]
    async with access.probe() as key:
        await access.put(key)
        download = await access.download(key)
        wishes = await _wishes(access, key, download)
        return [await _examine(access, origin, wishes, download) for origin in origins]


async def _wishes(access: StoreAccess, key: str, download: SignedRequest) -> list[Wish]:
    """One for each kind of request that an instruction asks for."""
    store, spec = await access.store(), spec_of(key)
    put = await store.presign_upload(spec, UploadMethod.PUT, EXPIRES_IN)
    wishes = [
        Wish("PUT", put.url, put_headers(access.capabilities)),
        Wish("GET", download.url, ("range",)),
        Wish("HEAD", download.url),
    ]
    if access.capabilities.post_form:
        form = await store.presign_upload(spec, UploadMethod.POST, EXPIRES_IN)
        wishes.append(Wish("POST", form.url))
    return wishes


def put_headers(provider: Capabilities) -> tuple[str, ...]:
    """Every header that a PUT may have to carry."""
    once = ("if-none-match",) if provider.write_once else ()
    return ("content-type", *once, *sorted(f"x-amz-checksum-{a}" for a in provider.checksums))


async def _examine(
    access: StoreAccess, origin: str, wishes: Sequence[Wish], download: SignedRequest
) -> Finding:
    as_page = ANYONE if origin == "*" else origin
    refused = [why for wish in wishes if (why := await _refusal(access, as_page, wish))]
    if refused:
        what = f"Pages of {origin} are refused {'; '.join(refused)}."
        return failure(what, why=_WHY, remedy=await _remedy(access), fixable=True)
    answer = await access.web.send("GET", download.url, headers={"Origin": as_page})
    hidden = [name for name in EXPOSED if not _has(answer, "access-control-expose-headers", name)]
    if hidden:
        what = f"Pages of {origin} may not read the answer's {', '.join(hidden)}."
        return warning(what, why=_WHY_EXPOSED, remedy=await _remedy(access), fixable=True)
    return ok(f"Pages of {origin} may {', '.join(wish.method for wish in wishes)}.")


async def _refusal(access: StoreAccess, origin: str, wish: Wish) -> str:
    """What stands in the way of a wish; empty for nothing.

    A store does not say which header it was: each is then asked for by itself.
    """
    if not await _preflight(access, origin, wish):
        return ""
    if why := await _preflight(access, origin, replace(wish, headers=())):
        return why
    refused = [
        name
        for name in wish.headers
        if await _preflight(access, origin, replace(wish, headers=(name,)))
    ]
    return f"{wish.method} with {', '.join(refused or wish.headers)}"


async def _preflight(access: StoreAccess, origin: str, wish: Wish) -> str:
    headers = {"Origin": origin, "Access-Control-Request-Method": wish.method}
    if wish.headers:
        headers["Access-Control-Request-Headers"] = ",".join(wish.headers)
    answer = await access.web.send("OPTIONS", wish.url, headers=headers)
    return judge_preflight(answer, origin, wish)


def judge_preflight(answer: Answer, origin: str, wish: Wish) -> str:
    """What a browser would refuse the wish for after that answer; empty for nothing.

    https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    if not 200 <= answer.status < 300:
        return f"{wish.method} ({answer})"
    if answer.headers.get("access-control-allow-origin") not in (origin, "*"):
        return f"{wish.method} (the answer allows another origin)"
    # These methods need no leave.
    if wish.method not in ("GET", "HEAD", "POST") and not _has(
        answer, "access-control-allow-methods", wish.method
    ):
        return f"{wish.method} (not among the allowed methods)"
    missing = [n for n in wish.headers if not _has(answer, "access-control-allow-headers", n)]
    return f"{wish.method} with {', '.join(missing)}" if missing else ""


def _has(answer: Answer, header: str, name: str) -> bool:
    said = {word.strip().lower() for word in answer.headers.get(header, "").split(",")}
    return not said.isdisjoint((name.lower(), "*"))


async def _remedy(access: StoreAccess) -> Remedy:
    try:
        others = await _read(access)
        text = "Set these rules, saved as cors.json."
    except NotTold:
        others = []
        text = "Set these rules, saved as cors.json, beside those that the bucket may have."
    return Remedy(
        text=text,
        command=s3api(
            access.settings, "put-bucket-cors", "--cors-configuration", "file://cors.json"
        ),
        document=dict(cors_configuration(access.settings.cors_origins, others)),
    )


async def _read(access: StoreAccess) -> Sequence[Any]:
    def read(s3: "S3Client") -> Sequence[Any]:
        return s3.get_bucket_cors(Bucket=access.bucket)["CORSRules"]

    found = await access.read(
        "CORS rules", "s3:GetBucketCORS", read, absent="NoSuchCORSConfiguration"
    )
    return found or []


async def set_cors(access: StoreAccess) -> str:
    """The fix. Raises `StorageUnavailable` where the rules of others cannot be read."""
    wanted = cors_configuration(access.settings.cors_origins, await _read(access))
    await access.change(
        "s3:PutBucketCORS",
        lambda s3: s3.put_bucket_cors(Bucket=access.bucket, CORSConfiguration=wanted),
    )
    return "Set a CORS rule for CORS_ORIGINS, before those that there were."
