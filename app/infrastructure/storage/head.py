"""HeadObject at a third of what it costs boto3.

What the signer of the moment has signed goes out by boto3's own HTTP session, so that its pool of
connections, timeouts, proxies and certificates are those of every other call.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.retries.standard import ExponentialBackoff, RetryContext

from app.domain.checksum import ChecksumAlgorithm
from app.domain.ports import ObservedObject
from app.infrastructure.storage.client import ATTEMPTS
from app.infrastructure.storage.failures import MalformedAnswer, status_of
from app.infrastructure.storage.signer import SignedHead

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What botocore's `standard` mode repeats:
# https://github.com/boto/botocore/blob/develop/botocore/retries/standard.py
_TRANSIENT_FAILURES = (NoConnection, HTTPClientError)
_TRANSIENT_STATUSES = (500, 502, 503, 504)

_REDIRECTS = (301, 302, 307)
_REGION = "x-amz-bucket-region"

_CHECKSUM_HEADERS = {algorithm: f"x-amz-checksum-{algorithm}" for algorithm in ChecksumAlgorithm}


class HeadObject:
    """Blocks for as many attempts as any call of the client, with its pauses between them."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        # No public name leads to it, and one of our own would need all that the client knows.
        self._http: Any = client._endpoint.http_session  # type: ignore[attr-defined]
        self._back_off = ExponentialBackoff()

    def __call__(self, key: str, signed: SignedHead) -> ObservedObject | None:
        """What is stored under `key`, which `signed` asks for.

        Raises what boto3 raises, and `MalformedAnswer`.
        """
        headers = self._headers(key, signed)
        if headers is None:
            # A HEAD has no body to say whether the object or the whole bucket is missing.
            self._client.head_bucket(Bucket=self._bucket)
            return None
        return observed(headers)

    def _headers(self, key: str, signed: SignedHead) -> Mapping[str, str] | None:
        """Those that describe the object, None for a 404."""
        answer = self._answer(signed)
        if answer.status_code == 200:
            headers: Mapping[str, str] = answer.headers
            return headers
        if answer.status_code == 404:
            return None
        if _may_be_elsewhere(answer):
            return self._ask_boto3(key)
        metadata: Any = {"HTTPStatusCode": answer.status_code}
        raise ClientError({"ResponseMetadata": metadata}, "HeadObject")

    def _answer(self, signed: SignedHead) -> Any:
        """The first that repeating would not change, or the last; raises the last failure."""
        headers: Any = dict(signed.headers)
        request = AWSPreparedRequest("HEAD", signed.url, headers, None, False)
        for attempt in range(1, ATTEMPTS):
            answer = self._try(request)
            if answer is not None and answer.status_code not in _TRANSIENT_STATUSES:
                return answer
            context = RetryContext(attempt, http_response=answer)
            time.sleep(self._back_off.delay_amount(context))
        return self._http.send(request)

    def _try(self, request: AWSPreparedRequest) -> Any:
        try:
            return self._http.send(request)
        except _TRANSIENT_FAILURES:
            return None

    def _ask_boto3(self, key: str) -> Mapping[str, str] | None:
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if status_of(error) != 404:
                raise
            return None
        return answer["ResponseMetadata"]["HTTPHeaders"]


def _may_be_elsewhere(answer: Any) -> bool:
    """Whether boto3 would look for the region of the bucket, and ask there.

    A redirect that names no region it would follow until its stack ends.
    https://github.com/boto/botocore/blob/develop/botocore/utils.py (`S3RegionRedirectorv2`)
    """
    status, headers = answer.status_code, answer.headers
    return status == 400 or (status in _REDIRECTS and _REGION in headers)


def observed(headers: Mapping[str, str]) -> ObservedObject:
    """What the answer's headers say. Raises `MalformedAnswer` for one that tells no size."""
    try:
        size = int(headers["content-length"])
    except (KeyError, ValueError):
        raise MalformedAnswer from None
    return ObservedObject(
        size=size,
        type=headers.get("content-type", ""),
        etag=headers.get("etag", "").strip('"'),
        version_id=headers.get("x-amz-version-id"),
        checksums=_full_object_checksums(headers),
    )


def _full_object_checksums(headers: Mapping[str, str]) -> dict[ChecksumAlgorithm, str]:
    """Those over the whole object: a composite one (`value-parts`) covers the parts' checksums.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
        return {}
    found = {algorithm: headers.get(name) for algorithm, name in _CHECKSUM_HEADERS.items()}
    return {algorithm: value for algorithm, value in found.items() if value and "-" not in value}
