"""boto3 as a `Signer`: the authority that the fast signer must match, and its stand-in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest

from app.infrastructure.storage.signer import NOTHING, PostForm, SignedHead

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OPERATIONS = {"PUT": "put_object", "GET": "get_object"}

_PARAMETERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "content-length": ("ContentLength", int),
    "content-type": ("ContentType", str),
    "if-none-match": ("IfNoneMatch", str),
    "x-amz-checksum-sha256": ("ChecksumSHA256", str),
    "x-amz-checksum-sha1": ("ChecksumSHA1", str),
    "x-amz-checksum-crc32": ("ChecksumCRC32", str),
    "x-amz-checksum-crc32c": ("ChecksumCRC32C", str),
    "x-amz-checksum-crc64nvme": ("ChecksumCRC64NVME", str),
    "response-content-type": ("ResponseContentType", str),
    "response-content-disposition": ("ResponseContentDisposition", str),
    "partNumber": ("PartNumber", int),
    "uploadId": ("UploadId", str),
}


class Boto3Signer:
    """A `Signer` that asks boto3.

    botocore reads the clock itself, so `now` has no effect: a URL counts from the moment of the
    call, at the earliest a second later than `now` says.
    """

    name = "boto3"

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        client.meta.events.register("before-send.s3.HeadObject", _stop)

    def presign(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        expires_in: int,
        now: datetime,
    ) -> str:
        """As `Signer.presign`."""
        operation = "upload_part" if "uploadId" in query else _OPERATIONS[method]
        params = {"Bucket": self._bucket, "Key": key}
        for name, value in (*query.items(), *headers.items()):
            parameter, convert = _PARAMETERS[name]
            params[parameter] = convert(value)
        return self._client.generate_presigned_url(operation, Params=params, ExpiresIn=expires_in)

    def presign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], *, expires_in: int, now: datetime
    ) -> list[str]:
        """As `Signer.presign_parts`."""
        queries = [{"partNumber": str(number), "uploadId": upload_id} for number in numbers]
        return [
            self.presign("PUT", key, query=query, expires_in=expires_in, now=now)
            for query in queries
        ]

    def sign_head(self, key: str, *, now: datetime) -> SignedHead:
        """As `Signer.sign_head`: what boto3 would have sent."""
        try:
            self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except _Stopped as stopped:
            return stopped.signed
        raise RuntimeError("boto3 has sent what it was only to sign")

    def presign_post(
        self,
        key: str,
        *,
        fields: Mapping[str, str],
        sizes: tuple[int, int],
        expires_in: int,
        now: datetime,
    ) -> PostForm:
        """As `Signer.presign_post`; boto3 makes no conditions of fields, so both are listed."""
        exact: list[Any] = [{name: value} for name, value in fields.items()]
        form = self._client.generate_presigned_post(
            self._bucket,
            key,
            Fields=dict(fields),
            Conditions=[*exact, ["content-length-range", *sizes]],
            ExpiresIn=expires_in,
        )
        return PostForm(form["url"], form["fields"])


class _Stopped(Exception):
    def __init__(self, signed: SignedHead) -> None:
        self.signed = signed


def _stop(request: AWSPreparedRequest, **_: object) -> None:
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    signing = {n: v for n, v in headers.items() if n == "authorization" or n.startswith("x-amz-")}
    raise _Stopped(SignedHead(request.url, signing))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
