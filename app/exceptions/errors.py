"""Every error that a caller can meet, with its stable machine-readable code.

    SlipwayError
    ├── InvalidRequest         invalid_request        a field breaks a rule; carries the fields
    ├── Unauthorized           unauthorized           no token, or one that does not verify
    ├── Forbidden              forbidden              the token lacks a scope
    ├── NotFound               not_found              no such file for this owner
    ├── IllegalTransition      illegal_transition     the state machine has no such move
    ├── ObjectMissing          object_missing         the store has no object under the key yet
    ├── PartsIncomplete        parts_incomplete       the parts do not make up the file yet
    ├── VerificationFailed     verification_failed    the object is not the one declared
    ├── IdempotencyConflict    idempotency_conflict   the key was used with another body
    ├── UploadExpired          upload_expired         the upload has ended
    ├── WebhookDisabled        webhook_disabled       nothing is sent to the webhook now
    ├── FileTooLarge           file_too_large         over the policy's or the method's limit
    ├── QuotaExceeded          quota_exceeded         the owner may not hold that much
    ├── TypeNotAllowed         type_not_allowed       the policy refuses the type or extension
    ├── RequestTooLarge        request_too_large      the body of an API call is too long
    ├── HeadersTooLarge        headers_too_large      the headers of an API call are too long
    ├── CorsRefused            cors_refused           a page of another origin may not call
    ├── MethodNotAllowed       method_not_allowed     the path does not take this HTTP method
    ├── InternalError          internal_error         a defect of ours; the log has the rest
    └── RetryableError                                passes by itself; says when to try again
        ├── RateLimited                  rate_limited                   too many calls
        ├── TooManyStreams               too_many_streams               no room for one more
        ├── StorageUnavailable           storage_unavailable            the store did not answer
        ├── DatabaseUnavailable          database_unavailable           PostgreSQL did not answer
        ├── IdentityProviderUnavailable  identity_provider_unavailable  the JWKS did not answer
        ├── EventsPostponed              events_postponed               bucket events wait
        └── NotReady                     not_ready                      a part does not work

The class knows nothing of HTTP: `routers/problem_document.py` maps each to a status.
`detail` is shown to the caller, so it must never hold a secret, a token or a signed URL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken rule: `field` is a dotted path into the request, `message` says what to do."""

    field: str
    message: str


class SlipwayError(Exception):
    """Base of every expected error.

    `detail` tells the caller what to do about it; `extra` holds further members of the
    problem document (JSON-serialisable, for example `{"from": "failed", "to": "uploaded"}`).
    """

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: Mapping[str, Any] = extra

    def at(self, place: str) -> Self:
        """The same error, naming the element of a batch it arose in, such as `files.3`."""
        self.detail = f"{place}: {self.detail}"
        self.extra = {**self.extra, "at": place}
        return self


class InvalidRequest(SlipwayError):
    code = "invalid_request"
    title = "The request is not valid"

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail, errors=[{"field": e.field, "message": e.message} for e in errors])

    def at(self, place: str) -> Self:
        located = super().at(place)
        for error in located.extra["errors"]:
            error["field"] = f"{place}.{error['field']}"
        return located


class Unauthorized(SlipwayError):
    code = "unauthorized"
    title = "A valid bearer token is required"


class Forbidden(SlipwayError):
    code = "forbidden"
    title = "The token does not allow this"


class NotFound(SlipwayError):
    code = "not_found"
    title = "Not found"


class IllegalTransition(SlipwayError):
    code = "illegal_transition"
    title = "The file cannot move to that status"


class ObjectMissing(SlipwayError):
    code = "object_missing"
    title = "The object is not in the store"


class PartsIncomplete(SlipwayError):
    """Nothing is lost: the upload goes on."""

    code = "parts_incomplete"
    title = "The parts do not make up the file yet"


class VerificationFailed(SlipwayError):
    code = "verification_failed"
    title = "The stored object is not the declared one"


class IdempotencyConflict(SlipwayError):
    code = "idempotency_conflict"
    title = "The idempotency key was used with another request"


class UploadExpired(SlipwayError):
    code = "upload_expired"
    title = "The upload has ended"


class WebhookDisabled(SlipwayError):
    code = "webhook_disabled"
    title = "The webhook is disabled"


class FileTooLarge(SlipwayError):
    code = "file_too_large"
    title = "The file is too large"


class QuotaExceeded(SlipwayError):
    code = "quota_exceeded"
    title = "The quota is exhausted"


class TypeNotAllowed(SlipwayError):
    code = "type_not_allowed"
    title = "The policy does not allow this type of file"


class RequestTooLarge(SlipwayError):
    code = "request_too_large"
    title = "The request body is too large"


class HeadersTooLarge(SlipwayError):
    code = "headers_too_large"
    title = "The request headers are too large"


class CorsRefused(SlipwayError):
    code = "cors_refused"
    title = "The page may not make this call"


class MethodNotAllowed(SlipwayError):
    code = "method_not_allowed"
    title = "The path does not take this method"


class InternalError(SlipwayError):
    code = "internal_error"
    title = "Something went wrong in the service"


class RetryableError(SlipwayError):
    """An error that passes by itself; `retry_after` is in whole seconds, at least 1."""

    def __init__(self, detail: str, *, retry_after: int = 1, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after = max(1, retry_after)


class RateLimited(RetryableError):
    code = "rate_limited"
    title = "Too many requests"


class TooManyStreams(RetryableError):
    code = "too_many_streams"
    title = "Too many streams are open"


class StorageUnavailable(RetryableError):
    code = "storage_unavailable"
    title = "The object store does not answer"


class DatabaseUnavailable(RetryableError):
    code = "database_unavailable"
    title = "The database does not answer"


class IdentityProviderUnavailable(RetryableError):
    """A token whose signing key is not known here, while the key set cannot be fetched."""

    code = "identity_provider_unavailable"
    title = "The identity provider does not answer"


class EventsPostponed(RetryableError):
    """Of a body of bucket events; those that could be dealt with are, and may be sent again."""

    code = "events_postponed"
    title = "Some events could not be dealt with yet"


class NotReady(RetryableError):
    code = "not_ready"
    title = "The service is not ready"
