"""What an explanation consists of."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


class Cause(StrEnum):
    """Why a request failed. The names are stable: scripts compare them."""

    HEADER_DIFFERS = "header_differs"
    HEADER_MISSING = "header_missing"
    HEADER_NOT_SIGNED = "header_not_signed"
    HOST_DIFFERS = "host_differs"
    METHOD_DIFFERS = "method_differs"
    KEY_DIFFERS = "key_differs"
    KEY_ENCODING_DIFFERS = "key_encoding_differs"
    QUERY_DIFFERS = "query_differs"
    URL_ALTERED = "url_altered"
    URL_INCOMPLETE = "url_incomplete"
    SECRET_DIFFERS = "secret_differs"  # noqa: S105 -- a name
    SIGNATURE_DIFFERS = "signature_differs"
    """Of a store that does not say what it saw."""
    NOT_SIGNED = "not_signed"
    AUTHORIZATION_SENT = "authorization_sent"
    ARGUMENT_INVALID = "argument_invalid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    CLOCK_DIFFERS = "clock_differs"
    FORM_ALTERED = "form_altered"
    FORM_FIELD_DIFFERS = "form_field_differs"
    FORM_FIELD_EXTRA = "form_field_extra"
    FORM_MALFORMED = "form_malformed"
    PERMISSION_MISSING = "permission_missing"
    ENCRYPTION_KEY = "encryption_key"
    ACL_REFUSED = "acl_refused"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    PART_TOO_SMALL = "part_too_small"
    LENGTH_MISSING = "length_missing"
    BODY_INCOMPLETE = "body_incomplete"
    DIGEST_DIFFERS = "digest_differs"
    DIGEST_INVALID = "digest_invalid"
    ALREADY_STORED = "already_stored"
    WRITTEN_AT_ONCE = "written_at_once"
    ACCESS_KEY_UNKNOWN = "access_key_unknown"
    SESSION_ENDED = "session_ended"
    BUCKET_MISSING = "bucket_missing"
    OBJECT_MISSING = "object_missing"
    UPLOAD_GONE = "upload_gone"
    PART_DIFFERS = "part_differs"
    REGION_DIFFERS = "region_differs"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    KEY_TOO_LONG = "key_too_long"
    NOT_SUPPORTED = "not_supported"
    BUSY = "busy"
    STORE_FAILED = "store_failed"
    TOO_SLOW = "too_slow"
    CORS_OR_NETWORK = "cors_or_network"
    PROXY = "proxy"
    SERVICE_REFUSED = "service_refused"
    FILE_SETTLED = "file_settled"
    NOTHING_WRONG = "nothing_wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """`signed` is what had to be, `sent` what was; None where that is not known or was missing."""

    what: str
    signed: str | None
    sent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """In plain words, without a signature, credential or token. `notes` are what the URL and the
    record say besides."""

    code: str
    cause: Cause
    what: str
    remedy: str
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_recognised(self) -> bool:
        return self.cause is not Cause.UNKNOWN

    def noting(self, *notes: str) -> Self:
        return replace(self, notes=(*self.notes, *notes))
