"""From evidence to explanation: a table of codes, and a rule for those that mean several things."""

from collections.abc import Callable, Mapping

from app.domain.explain.access import explain_access, explain_expired, explain_skew
from app.domain.explain.arguments import (
    explain_argument,
    explain_not_implemented,
    explain_parameters,
)
from app.domain.explain.catalogue import DOCTOR, advised, unknown
from app.domain.explain.evidence import Evidence, NoAnswer, ProxyPage, ServiceProblem, StoreError
from app.domain.explain.explanation import Cause, Explanation
from app.domain.explain.notes import notes
from app.domain.explain.signature import explain_mechanism, explain_method, explain_signature
from app.domain.explain.sizes import explain_size

_RULES: Mapping[str, Callable[[Evidence, StoreError], Explanation]] = {
    "SignatureDoesNotMatch": explain_signature,
    "MethodNotAllowed": explain_method,
    "InvalidRequest": explain_mechanism,
    "InvalidArgument": explain_argument,
    "AuthorizationQueryParametersError": explain_parameters,
    "NotImplemented": explain_not_implemented,
    "AccessDenied": explain_access,
    "ExpiredRequest": explain_expired,  # R2's
    "RequestExpired": explain_expired,
    "RequestTimeTooSkewed": explain_skew,
    "EntityTooLarge": explain_size,
    "EntityTooSmall": explain_size,
}


def explain(evidence: Evidence) -> Explanation:
    """The most probable cause, what to do about it, and what else there is to know."""
    return _cause(evidence).noting(*notes(evidence))


def _cause(evidence: Evidence) -> Explanation:
    match evidence.answer:
        case StoreError() as error:
            return _of_store(evidence, error)
        case ProxyPage(title):
            return _proxy(title)
        case NoAnswer(said):
            return _no_answer(said)
        case ServiceProblem(code, detail):
            return _service(code, detail)
        case None:
            return _without_answer(evidence)


def _of_store(evidence: Evidence, error: StoreError) -> Explanation:
    rule = _RULES.get(error.code)
    found = rule(evidence, error) if rule else advised(error) or unknown(error)
    return found.noting(*_details(evidence, error, found.cause))


def _details(evidence: Evidence, error: StoreError, cause: Cause) -> list[str]:
    """What the body adds to the table."""
    record = evidence.record
    if cause is Cause.REGION_DIFFERS:
        named = [
            error.fields.get(name) for name in ("Region", "Endpoint") if error.fields.get(name)
        ]
        return [f"The store names {' and '.join(filter(None, named))}."] if named else []
    if cause is Cause.DIGEST_DIFFERS and record is not None:
        declared = record.checksum
        if declared is None:
            return ["No checksum was declared: the client itself added the one that differs."]
        return [f"Declared is {declared.algorithm} {declared.value}."]
    return []


def _proxy(title: str) -> Explanation:
    limit = "413" in title or "too large" in title.lower()
    remedy = (
        "Raise its limit (nginx: `client_max_body_size 0;`), or let clients reach the store itself."
        if limit
        else "Look into its log. Requests must reach the store unchanged: Host, path, query, "
        "headers and body, without a login, a filter or a cache in between."
    )
    return Explanation(
        code="",
        cause=Cause.PROXY,
        what="This is a page of HTML, which no S3 store sends: a proxy, load balancer, CDN or "
        f"firewall answered in its place. Its title: {title or 'none'}.",
        remedy=f"{remedy} S3_PUBLIC_ENDPOINT_URL says where clients are sent.",
    )


def _no_answer(said: str) -> Explanation:
    return Explanation(
        code="",
        cause=Cause.CORS_OR_NETWORK,
        what=f"The browser did not let the page see an answer ({said}): the CORS rules of the "
        "bucket do not allow this origin, method or header, or nothing answered at all.",
        remedy=f"{DOCTOR} It asks the bucket as a browser does, for each of CORS_ORIGINS; `python "
        "-m app bucket` sets the rules on a store of your own. An error without CORS headers "
        "hides behind this as well: the network tab of the browser shows its status.",
    )


def _service(code: str, detail: str) -> Explanation:
    return Explanation(
        code=code,
        cause=Cause.SERVICE_REFUSED,
        what=f"Not the store refused, but Slipway itself: {detail}",
        remedy=f"docs/upload-guide.md says what to do about `{code}`.",
    )


def _without_answer(evidence: Evidence) -> Explanation:
    url, record = evidence.url, evidence.record
    if url is not None and url.expires_at is not None and url.expires_at <= evidence.now:
        return explain_expired(evidence, StoreError(""))
    if record is not None and not record.is_pending:
        return Explanation(
            code="",
            cause=Cause.FILE_SETTLED,
            what="Nothing can be uploaded for this file any more.",
            remedy="For other bytes ask for a new upload.",
        )
    return Explanation(
        code="",
        cause=Cause.NOTHING_WRONG,
        what="Nothing is wrong with this as far as it can be seen without the store's answer.",
        remedy="Give the body of the answer too. If the browser shows none, it is CORS or the "
        f"network: {DOCTOR}",
    )
