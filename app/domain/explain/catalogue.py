"""The codes that mean one thing, whatever else is known.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
R2: https://developers.cloudflare.com/r2/api/error-codes/
MinIO: https://github.com/minio/minio/blob/master/cmd/api-errors.go
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.explain.evidence import StoreError
from app.domain.explain.explanation import Cause, Difference, Explanation

ERROR_LIST = "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList"

DOCTOR = "`python -m app doctor` finds which setting or rule it is."


class Advice(NamedTuple):
    cause: Cause
    what: str
    remedy: str


_NEW_CREDENTIALS = Advice(
    Cause.SESSION_ENDED,
    "The temporary credentials that signed the request have ended, or their session token is not "
    "the one that belongs to them.",
    "Ask for a new URL: the service signs with the credentials that it has now. If new URLs fail "
    f"too, its role or keys are stale. {DOCTOR}",
)
_DIGEST = Advice(
    Cause.DIGEST_DIFFERS,
    "The bytes that arrived do not have the checksum that was declared.",
    "Compute the checksum of the very bytes that are sent, and declare that; if the file changed "
    "in between, declare it anew. Sent again unchanged, it helps only against a damaged transfer.",
)
_DIGEST_INVALID = Advice(
    Cause.DIGEST_INVALID,
    "A checksum header is not the base64 of a digest of its algorithm.",
    "Send the binary digest in base64, not its hexadecimal digits, and exactly the checksum header "
    "of the service's answer.",
)
_REGION = Advice(
    Cause.REGION_DIFFERS,
    "The bucket is in another region, or at another endpoint, than the one the request was "
    "signed for.",
    "Set S3_REGION to the bucket's region, and S3_ENDPOINT_URL and S3_PUBLIC_ENDPOINT_URL to its "
    f"endpoint. {DOCTOR}",
)
_BUSY = Advice(
    Cause.BUSY,
    "The store asks for fewer requests at a time; nothing is wrong with this one.",
    "Send it again after a pause that doubles each time, and fewer at once.",
)
_STORE_FAILED = Advice(
    Cause.STORE_FAILED,
    "The store failed; nothing is wrong with the request.",
    "Send it again after a pause. What is stored twice by accident is refused or verified anyway.",
)
_MALFORMED_FORM = Advice(
    Cause.FORM_MALFORMED,
    "The body is not the form that the store wants: multipart/form-data, every field of the "
    "service's answer, and the file last.",
    "Send all `fields` in their order, then the file under the name `file`, and nothing after it; "
    "let the HTTP library set Content-Type with its boundary.",
)
_URL_INCOMPLETE = Advice(
    Cause.URL_INCOMPLETE,
    "Of the parameters that sign the URL, one is missing or cannot be read.",
    "Use the URL as it was given, whole: a log, a spreadsheet or a shell without quotes around "
    "it cuts or changes it, most often at `&`.",
)
_METHOD = Advice(
    Cause.METHOD_NOT_ALLOWED,
    "The address does not take this HTTP method, or, where a form was expected, this kind of body.",
    "Use the `method` of the service's answer with its `url`; a POST must be multipart/form-data.",
)
_LENGTH = Advice(
    Cause.LENGTH_MISSING,
    "The request has no Content-Length: the client sent it in chunks, without saying how long "
    "it is.",
    "Send the file itself (a Blob, a buffer, a file with a known size), not a stream; with curl "
    "`--data-binary @file` or `-T file`.",
)
_ACL = Advice(
    Cause.ACL_REFUSED,
    "The bucket takes no access control lists, and the request asks for one.",
    "Remove `x-amz-acl` and every `x-amz-grant-` header from the request.",
)

ADVICE: Mapping[str, Advice] = {
    "BadDigest": _DIGEST,
    "XAmzContentChecksumMismatch": _DIGEST,
    "XAmzContentSHA256Mismatch": _DIGEST,
    "ChecksumMismatch": _DIGEST,
    "InvalidDigest": _DIGEST_INVALID,
    "InvalidChecksum": _DIGEST_INVALID,
    "PreconditionFailed": Advice(
        Cause.ALREADY_STORED,
        "The URL writes only once, and there is an object under the key already: most likely the "
        "same bytes, sent by an earlier try whose answer was lost.",
        "Do not send them again: report the file by PUT /file-status as `uploaded`, and the "
        "service verifies what is there. For other bytes ask for a new upload.",
    ),
    "ConditionalRequestConflict": Advice(
        Cause.WRITTEN_AT_ONCE,
        "Another request was writing the same key at the same moment.",
        "Send it again; if it then ends in PreconditionFailed, the bytes are there: report the "
        "file as `uploaded`.",
    ),
    "OperationAborted": Advice(
        Cause.WRITTEN_AT_ONCE,
        "Another operation on the same key or bucket was under way.",
        "Send it again after a pause.",
    ),
    "InvalidAccessKeyId": Advice(
        Cause.ACCESS_KEY_UNKNOWN,
        "The store does not know the access key that signed the request: it was deleted or "
        "disabled, belongs to another store, or is temporary and lacks its session token.",
        f"Check S3_ACCESS_KEY, or the role of the service, against the store. {DOCTOR}",
    ),
    "ExpiredToken": _NEW_CREDENTIALS,
    "InvalidToken": _NEW_CREDENTIALS,
    "TokenRefreshRequired": _NEW_CREDENTIALS,
    "NoSuchBucket": Advice(
        Cause.BUCKET_MISSING,
        "There is no such bucket at this endpoint.",
        "Check S3_BUCKET and S3_ENDPOINT_URL; `python -m app bucket` makes the bucket on a store "
        "of your own. A virtual-hosted URL against a store that wants paths ends here as well: "
        "S3_ADDRESSING_STYLE=path.",
    ),
    "NoSuchKey": Advice(
        Cause.OBJECT_MISSING,
        "There is no object under this key: it was never stored, or it was removed.",
        "Look at the file's status: only `uploaded`, `processing` and `completed` have an object. "
        "If it has one of these, `python -m app reconcile` says what became of it.",
    ),
    "NoSuchUpload": Advice(
        Cause.UPLOAD_GONE,
        "The multipart upload exists no more: it was completed, aborted, or had ended.",
        "Ask for the file: if it is `uploaded` all is well, if it is `failed` begin a new upload. "
        "A lifecycle rule of the bucket that aborts unfinished uploads too early does this too.",
    ),
    "InvalidPart": Advice(
        Cause.PART_DIFFERS,
        "A part is not in the store, or not with the ETag that was named.",
        "Ask GET /files/{id}/parts which are missing, send those, and complete without `parts`: "
        "then the service lists them itself.",
    ),
    "InvalidPartOrder": Advice(
        Cause.PART_DIFFERS,
        "The parts were not named in ascending order.",
        "Complete without `parts`: then the service lists them itself, in order.",
    ),
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "Redirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "IllegalLocationConstraint": _REGION,
    "InvalidRegion": _REGION,
    "AuthorizationQueryParametersError": _URL_INCOMPLETE,
    "MissingFields": _URL_INCOMPLETE,
    "MethodNotAllowed": _METHOD,
    "MissingContentLength": _LENGTH,
    "IncompleteBody": Advice(
        Cause.BODY_INCOMPLETE,
        "Fewer bytes came than Content-Length announced: the connection broke, or the file became "
        "shorter while it was sent.",
        "Send it again; if it fails again at the same place, look for a proxy with a limit.",
    ),
    "NotImplemented": Advice(
        Cause.NOT_SUPPORTED,
        "The store does not know something that the request asks for: a checksum, a condition "
        "(If-None-Match), a form, or a transfer in chunks.",
        "Set S3_PROVIDER to the store's own name, or `generic`, so that the service asks for "
        f"nothing it cannot do. {DOCTOR}",
    ),
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "TooManyRequests": _BUSY,
    "InternalError": _STORE_FAILED,
    "RequestTimeout": Advice(
        Cause.TOO_SLOW,
        "No byte came for so long that the store closed the connection.",
        "Send it again; on slow lines upload in parts (`method: multipart`), smaller and fewer "
        "at once.",
    ),
    "KeyTooLongError": Advice(
        Cause.KEY_TOO_LONG,
        "The key is longer than 1,024 bytes.",
        "Shorten S3_KEY_PREFIX and the policy's `prefix`: the rest of a key is short.",
    ),
    "MalformedPOSTRequest": _MALFORMED_FORM,
    "RequestIsNotMultiPartContent": _MALFORMED_FORM,
    "IncorrectNumberOfFilesInPostRequest": _MALFORMED_FORM,
    "MaxPostPreDataLengthExceededError": _MALFORMED_FORM,
    "AccessControlListNotSupported": _ACL,
    "Unauthorized": Advice(
        Cause.NOT_SIGNED,
        "The request carries no credentials that the store accepts.",
        f"Use the URL as it was given. If it is whole, check S3_ACCESS_KEY. {DOCTOR}",
    ),
    "KMS.DisabledException": Advice(
        Cause.ENCRYPTION_KEY,
        "The KMS key that encrypts the bucket is disabled.",
        "Enable the key, or give the bucket another one.",
    ),
}

_LEFT_OUT = (
    *("Code", "Message", "HostId"),
    *("AWSAccessKeyId", "Signature", "StringToSign", "CanonicalRequest", "Token", "ArgumentValue"),
)
"""What elements begin with that are told already, are secret, or say nothing to a reader."""


def advised(error: StoreError) -> Explanation | None:
    """What the table says of the code, if anything."""
    return advised_as(error.code, error) if error.code in ADVICE else None


def advised_as(code: str, error: StoreError) -> Explanation:
    """The same of another code, which must be in the table, and means what `error` does."""
    advice = ADVICE[code]
    return Explanation(code=error.code, cause=advice.cause, what=advice.what, remedy=advice.remedy)


def unknown(error: StoreError) -> Explanation:
    """What is in the body, for a code that is not in the table."""
    told = {n: v for n, v in error.fields.items() if v and not n.startswith(_LEFT_OUT)}
    return Explanation(
        code=error.code,
        cause=Cause.UNKNOWN,
        what=f"Slipway has no explanation for this code. The store says: {error.message or '-'}",
        remedy=f"Look the code up in {ERROR_LIST} or in the manual of the store. {DOCTOR}",
        differences=tuple(Difference(name, None, value) for name, value in told.items()),
    )
