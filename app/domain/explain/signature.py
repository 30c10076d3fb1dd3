"""SignatureDoesNotMatch: the store computed another signature than the request carries.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from collections.abc import Mapping, Sequence

from app.domain.explain.canonical_request import canonical_request
from app.domain.explain.catalogue import advised, advised_as, unknown
from app.domain.explain.comparison import (
    expected_headers,
    expected_method,
    request_differences,
    url_differences,
)
from app.domain.explain.evidence import Evidence, SentRequest, StoreError
from app.domain.explain.explanation import Cause, Difference, Explanation
from app.domain.explain.presigned_url import SIGNATURE, PresignedUrl
from app.domain.file import UploadMethod

_SEND_EXACTLY = (
    "Send exactly the `headers` of the service's answer, with these values and no others."
)

_ADVICE: Mapping[Cause, tuple[str, str]] = {
    Cause.METHOD_DIFFERS: (
        "The URL is for another HTTP method.",
        "Use the `method` of the service's answer.",
    ),
    Cause.HOST_DIFFERS: (
        "The request reached the store under another host name than the one that was signed: "
        "something on the way, a proxy or a CDN, rewrites the Host header, or the URL was changed.",
        "Let the proxy pass Host unchanged (nginx: `proxy_set_header Host $http_host;`), or set "
        "S3_PUBLIC_ENDPOINT_URL to the name that the store sees. If bucket and host changed "
        "places, S3_ADDRESSING_STYLE is not the store's.",
    ),
    Cause.KEY_DIFFERS: (
        "The request is for another path than the one that was signed.",
        "Use the URL as it was given; a proxy must not add or strip a part of the path.",
    ),
    Cause.KEY_ENCODING_DIFFERS: (
        "The path is percent-encoded in another way than when it was signed.",
        "Use the URL as it was given: an HTTP library or proxy that decodes and encodes it again "
        "breaks the signature.",
    ),
    Cause.QUERY_DIFFERS: (
        "The query of the URL is not the one that was signed.",
        "Use the URL as it was given: add no parameter, drop none, and decode nothing.",
    ),
    Cause.HEADER_MISSING: ("A header that was signed was not sent.", _SEND_EXACTLY),
    Cause.HEADER_DIFFERS: ("A header was sent with another value than was signed.", _SEND_EXACTLY),
}

_LENGTH = (
    " Content-Length is the size of the body: the file has another size than was declared; declare "
    "the size that it has."
)


def explain_signature(evidence: Evidence, error: StoreError) -> Explanation:
    """What was signed is compared with what was sent as far as anybody says what that was."""
    seen = canonical_request(error.fields) or evidence.sent
    known = Evidence(
        now=evidence.now,
        url=evidence.url,
        sent=seen,
        record=evidence.record,
    )
    if differences := request_differences(known):
        return _differs(error, differences)
    if _is_form(evidence, error):
        return _form(error)
    return _altered(evidence, error) or (
        _secret(error, evidence, seen)
        if seen is not None and _all_equal(known)
        else _undetermined(error, evidence, seen)
    )


def explain_method(evidence: Evidence, error: StoreError) -> Explanation:
    """MethodNotAllowed: of a request that is signed for another method, or of the table."""
    found = [each for each in request_differences(evidence) if each[0] is Cause.METHOD_DIFFERS]
    return _differs(error, found) if found else advised(error) or unknown(error)


def explain_mechanism(evidence: Evidence, error: StoreError) -> Explanation:
    """InvalidRequest: where a store finds no signature that it knows, or anything else."""
    if "authorization mechanism" not in error.message:
        return unknown(error)
    return advised_as("AuthorizationQueryParametersError", error)


def _differs(error: StoreError, found: Sequence[tuple[Cause, Difference]]) -> Explanation:
    cause = found[0][0]
    what, remedy = _ADVICE[cause]
    differences = tuple(difference for _, difference in found)
    if "content-length" in {difference.what for difference in differences}:
        remedy += _LENGTH
    return Explanation(
        code=error.code, cause=cause, what=what, remedy=remedy, differences=differences
    )


def _is_form(evidence: Evidence, error: StoreError) -> bool:
    """A form signs its policy, not the request, so that AWS shows no canonical request of it."""
    if evidence.record is not None:
        return evidence.record.method is UploadMethod.POST
    to_sign = error.fields.get("StringToSign", "")
    return bool(to_sign) and not to_sign.startswith("AWS4-HMAC-SHA256")


def _form(error: StoreError) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.FORM_ALTERED,
        what="The policy of the form, or one of the fields that sign it, is missing or changed.",
        remedy="Send every one of the `fields` of the service's answer unchanged, `policy` and "
        "those that begin with x-amz- among them. If they are, S3_SECRET_KEY is not the store's.",
    )


def _altered(evidence: Evidence, error: StoreError) -> Explanation | None:
    signed, given = evidence.signed, evidence.url
    if signed is None or given is None:
        return None
    found = url_differences(signed, given)
    if not found and signed.query.get(SIGNATURE) == given.query.get(SIGNATURE):
        return None
    what = "The URL is not the one that this service signs for the file."
    remedy = "Use the URL as it was given, or ask for a new one."
    if not found:
        what += " All that can be compared is equal, save the signature."
        remedy += (
            " If the URL was not touched (X-Amz-Expires among it), the S3_SECRET_KEY of the "
            "service has changed since it signed."
        )
    return Explanation(
        code=error.code,
        cause=Cause.URL_ALTERED,
        what=what,
        remedy=remedy,
        differences=tuple(difference for _, difference in found),
    )


def _all_equal(evidence: Evidence) -> bool:
    """Whether all that was signed is known, on both sides; it has been compared before. Without
    the record nobody can tell whether the URL is one that was given."""
    url, sent = evidence.url, evidence.sent
    if url is None or sent is None or evidence.record is None or not url.is_signed:
        return False
    expected = expected_headers(url, evidence.record)
    return bool(sent.method) and all(
        value is not None and (name == "host" or name in sent.headers)
        for name, value in expected.items()
    )


def _secret(error: StoreError, evidence: Evidence, seen: SentRequest) -> Explanation:
    doubts = []
    if evidence.signed is None:
        doubts.append("the URL is not as the service gave it")
    if not seen.complete:
        doubts.append("a proxy changes the request on its way, most often its Host")
    unless = f"Unless {' or '.join(doubts)}: the" if doubts else "The"
    return Explanation(
        code=error.code,
        cause=Cause.SECRET_DIFFERS,
        what=f"{unless} request was sent exactly as it was signed, so the store knows another "
        "secret for this access key than the one that signed.",
        remedy="Set S3_SECRET_KEY to the secret that belongs to S3_ACCESS_KEY at this store; look "
        "for a blank, a line break or a cut character in it.",
    )


def _undetermined(error: StoreError, evidence: Evidence, seen: SentRequest | None) -> Explanation:
    what = "The request was not sent as it was signed, or another secret signed it."
    if seen is None or not seen.complete:
        what += " This store does not say what it received."
    if evidence.signed is not None:
        what += (
            " The URL itself is as this service signs it: either what was sent with it differs, "
            "or the service's secret is not the store's."
        )
    differences = () if evidence.url is None else tuple(_required(evidence, evidence.url, seen))
    return Explanation(
        code=error.code,
        cause=Cause.SIGNATURE_DIFFERS,
        what=what,
        remedy=_next_step(evidence),
        differences=differences,
    )


def _required(
    evidence: Evidence, url: PresignedUrl, seen: SentRequest | None
) -> Sequence[Difference]:
    sent = seen or SentRequest()
    method = expected_method(url, evidence.record)
    found = [Difference("method", method, sent.method)] if method else []
    for name, value in expected_headers(url, evidence.record).items():
        found.append(Difference(name, value, sent.headers.get(name)))
    return found


def _next_step(evidence: Evidence) -> str:
    if evidence.url is None:
        file = "" if evidence.record else ", and --file with the id of the file"
        return f"Add --url with the URL that was used{file}: then it can be compared."
    step = "Compare what the client sends with the list above (the browser's network tab shows it)."
    if evidence.record is None:
        step += " Add --file with the id of the file to see the values that were declared."
    return (
        f"{step} Name it by --method and --header to have it compared here. If all of it is equal, "
        "S3_SECRET_KEY is not the store's: `python -m app doctor` tries that."
    )
