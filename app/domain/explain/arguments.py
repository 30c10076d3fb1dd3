"""Codes that say only that something of the request is not as it should be, and name it besides.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
"""

from app.domain.explain.catalogue import advised, advised_as, unknown
from app.domain.explain.evidence import Evidence, StoreError
from app.domain.explain.explanation import Cause, Explanation


def explain_parameters(_: Evidence, error: StoreError) -> Explanation:
    """AuthorizationQueryParametersError: of the region too, which AWS then names."""
    if "Region" in error.fields or "the region" in error.message:
        return advised_as("AuthorizationHeaderMalformed", error)
    return advised_as(error.code, error).noting(*_said(error))


def explain_argument(_: Evidence, error: StoreError) -> Explanation:
    """InvalidArgument. The value is never told: of Authorization it is a secret."""
    name = error.fields.get("ArgumentName", "")
    if name.lower() == "authorization" or "auth mechanism" in error.message:
        return _authorization(error)
    if "access key has length" in error.message:  # R2's
        return advised_as("InvalidAccessKeyId", error).noting(*_said(error))
    if "POST" in error.message:
        return advised_as("MalformedPOSTRequest", error).noting(*_said(error))
    return _argument(error, name)


def explain_not_implemented(_: Evidence, error: StoreError) -> Explanation:
    """NotImplemented: AWS names the header that it cannot do, most often that of a stream."""
    if error.fields.get("Header", "").lower() == "transfer-encoding":
        return advised_as("MissingContentLength", error)
    return advised(error) or unknown(error)


def _authorization(error: StoreError) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.AUTHORIZATION_SENT,
        what="The request has an Authorization header, which a signed URL leaves no place for.",
        remedy="Send no `Authorization` to the store: it is for the service alone. Look for a "
        "client that adds its token to every request, or carries it along a redirect.",
    )


def _argument(error: StoreError, name: str) -> Explanation:
    named = f", {name}," if name else ""
    return Explanation(
        code=error.code,
        cause=Cause.ARGUMENT_INVALID,
        what=f"A parameter, a header or a field{named} has a value that the store does not take.",
        remedy="Send the `url`, the `headers` and the `fields` of the service's answer unchanged, "
        "and nothing else.",
        notes=_said(error),
    )


def _said(error: StoreError) -> tuple[str, ...]:
    return (f"The store says: {error.message}",) if error.message else ()
