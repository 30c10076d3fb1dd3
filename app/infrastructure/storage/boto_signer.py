"""boto3 as a `Signer`: the authority that the fast signer must match, and its stand-in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.infrastructure.storage.signer import NOTHING, PostForm

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

    def presign_post(
        self, key: str, *, fields: Mapping[str, str], size: int, expires_in: int, now: datetime
    ) -> PostForm:
        """As `Signer.presign_post`; boto3 makes no conditions of fields, so both are listed."""
        exact: list[Any] = [{name: value} for name, value in fields.items()]
        form = self._client.generate_presigned_post(
            self._bucket,
            key,
            Fields=dict(fields),
            Conditions=[*exact, ["content-length-range", size, size]],
            ExpiresIn=expires_in,
        )
        return PostForm(form["url"], form["fields"])
