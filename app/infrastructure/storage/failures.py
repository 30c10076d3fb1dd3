"""What went wrong with the store, in words for the person who can mend it."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    NoCredentialsError,
    ReadTimeoutError,
)

from app.exceptions.errors import StorageUnavailable

RETRY_AFTER = 5
"""Seconds; an outage of a store rarely passes sooner."""


class MalformedAnswer(Exception):
    """The store's answer lacks what it must tell."""


FAILURES = (BotoCoreError, ClientError, MalformedAnswer, OSError, RuntimeError)
"""All that a call can end in. botocore raises RuntimeError for renewed credentials that have
already expired, and so does the pool after `close`."""

TIMEOUTS = (TimeoutError, ConnectTimeoutError, ReadTimeoutError)

_BY_STATUS: Mapping[int, str] = {
    301: "The bucket is in another region: check S3_REGION and S3_ENDPOINT_URL.",
    307: "The bucket is in another region: check S3_REGION and S3_ENDPOINT_URL.",
    400: "The object store rejects the request: check S3_REGION, the credentials and the clock.",
    403: "The object store denies access: check the credentials, their permissions on the bucket "
    "and the clock.",
    404: "There is no such bucket: check S3_BUCKET and S3_ENDPOINT_URL.",
    429: "The object store asks to slow down.",
    503: "The object store asks to slow down.",
}


def unavailable(error: Exception, limit: str = "S3_TIMEOUT") -> StorageUnavailable:
    """The port's error for one of `FAILURES`; `limit` is the setting that bounds the call's time.

    The detail never quotes the error: botocore's messages can hold URLs.
    """
    return StorageUnavailable(_detail(error, limit), retry_after=RETRY_AFTER)


def status_of(error: ClientError) -> int:
    """The HTTP status of the store's answer."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    return int(metadata.get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    """S3's error code, such as `NoSuchVersion`; the status in digits for an answer to a HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _detail(error: Exception, limit: str) -> str:
    if isinstance(error, ClientError):
        status = status_of(error)
        return _BY_STATUS.get(status, f"The object store answered with an error ({status}).")
    if isinstance(error, TIMEOUTS):
        return f"The object store did not answer in time ({limit})."
    if isinstance(error, RecursionError):  # botocore, after a redirect that names no region
        return _BY_STATUS[301]
    if isinstance(error, MalformedAnswer):
        return "The object store's answer is none of S3's: check S3_ENDPOINT_URL."
    if isinstance(error, NoCredentialsError | CredentialRetrievalError | RuntimeError):
        return "The credentials for the object store could not be had: check the service's role."
    return "The object store cannot be reached: check S3_ENDPOINT_URL and the network."
