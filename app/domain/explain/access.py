"""AccessDenied, under which stores put everything from a late request to a missing permission.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
"""

import re
from datetime import timedelta

from app.domain.explain.catalogue import DOCTOR
from app.domain.explain.evidence import Evidence, StoreError
from app.domain.explain.explanation import Cause, Difference, Explanation
from app.domain.explain.form import explain_form
from app.domain.explain.times import moment, parse_time, span

_ACTION = re.compile(r"not authorized to perform: (\w+:\w+)")


def explain_access(evidence: Evidence, error: StoreError) -> Explanation:
    if action := _ACTION.search(error.message):  # then it names users and keys, of any words
        return _encryption(error) if action[1].startswith("kms:") else _permission(error)
    said = error.message.lower()
    if "invalid according to policy" in said:
        return explain_form(evidence, error)
    if "expired" in said:
        return explain_expired(evidence, error)
    if "yet valid" in said or "valid yet" in said:
        return _too_early(evidence, error)
    if "not signed" in said:
        return _not_signed_headers(error)
    if "kms" in said:
        return _encryption(error)
    if evidence.url is not None and not evidence.url.is_signed:
        return _not_signed(error)
    return _permission(error)


def explain_expired(evidence: Evidence, error: StoreError) -> Explanation:
    """Whose clock is to blame is seen by a store that names its own time."""
    ended = parse_time(error.fields.get("Expires")) or (evidence.url and evidence.url.expires_at)
    server = parse_time(error.fields.get("ServerTime"))
    what = "The URL was used after its end."
    if ended and server:
        what = (
            f"The URL ended at {moment(ended)}, {span(server - ended)} before the store got the "
            f"request (its clock said {moment(server)})."
        )
    elif ended:
        what = f"The URL ended at {moment(ended)}."
        if ended > evidence.now:
            return _store_ahead(error, what)
    return Explanation(
        code=error.code,
        cause=Cause.EXPIRED,
        what=what,
        remedy="Ask for a new URL shortly before the upload, not when the page opens; for slow "
        "uploads a longer `expires_in`, or parts. The same Idempotency-Key gives the same file a "
        "fresh URL.",
    )


def _store_ahead(error: StoreError, what: str) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.CLOCK_DIFFERS,
        what=f"{what} By the clock here that is still to come, so the store's clock is ahead.",
        remedy="Set the clocks of this host and of the store by NTP.",
    )


def _too_early(evidence: Evidence, error: StoreError) -> Explanation:
    signed = parse_time(error.fields.get("X-Amz-Date")) or (evidence.url and evidence.url.signed_at)
    server = parse_time(error.fields.get("ServerTime"))
    what = "For the store the URL begins in the future"
    if signed and server:
        what += f": it was signed at {moment(signed)}, when the store had {moment(server)}"
    elif signed:
        what += f": it was signed at {moment(signed)}"
    return Explanation(
        code=error.code,
        cause=Cause.NOT_YET_VALID,
        what=f"{what}. The clock of the service is ahead.",
        remedy="Set the clock of the service's host by NTP, and ask for a new URL.",
    )


def explain_skew(evidence: Evidence, error: StoreError) -> Explanation:
    """RequestTimeTooSkewed: more than 15 minutes between the request's date and the store's."""
    dated = parse_time(error.fields.get("RequestTime")) or (evidence.url and evidence.url.signed_at)
    server = parse_time(error.fields.get("ServerTime"))
    what = "The request is dated more than 15 minutes from the store's time."
    if dated and server:
        where = "ahead of" if dated - server > timedelta(0) else "behind"
        what = (
            f"The request is dated {moment(dated)}, {span(dated - server)} {where} the store's "
            f"{moment(server)}."
        )
    return Explanation(
        code=error.code,
        cause=Cause.CLOCK_DIFFERS,
        what=f"{what} The clock of whoever signed it is wrong: for Slipway's URLs that of the "
        "service's host, not the browser's.",
        remedy="Set that clock by NTP. A request that waited long in a queue before it was sent "
        "ends here as well: sign it later.",
    )


def _not_signed_headers(error: StoreError) -> Explanation:
    names = error.fields.get("HeadersNotSigned", "")
    listed = [name.strip() for name in names.split(",") if name.strip()]
    return Explanation(
        code=error.code,
        cause=Cause.HEADER_NOT_SIGNED,
        what="The request has a header that the store wants signed, and that was not.",
        remedy="Send the `headers` of the service's answer and nothing more that begins with "
        "x-amz-. An S3 library adds such headers by itself: upload with a plain HTTP client.",
        differences=tuple(Difference(name, None, "sent") for name in listed),
    )


def _encryption(error: StoreError) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.ENCRYPTION_KEY,
        what="The bucket encrypts with a KMS key that whoever signed may not use.",
        remedy="Allow the service's role kms:GenerateDataKey and kms:Decrypt on that key, in its "
        "own policy and in the key's.",
    )


def _not_signed(error: StoreError) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.NOT_SIGNED,
        what="The URL has lost its query, and with it its signature.",
        remedy="Use the URL as it was given, whole; in a shell in quotes, or it ends at `&`.",
    )


def _permission(error: StoreError) -> Explanation:
    action = _ACTION.search(error.message)
    denied = "explicit deny" in error.message
    what = "Whoever signed the request may not do this"
    what += f": {action[1]} is {'denied' if denied else 'not allowed'}" if action else ""
    remedy = (
        "A policy denies it expressly (of the bucket, the role, the organisation or the VPC "
        "endpoint): find that one, as no other can allow it."
        if denied
        else "Give the role or user of the service the rights that the README lists, on the bucket "
        "and on its keys. If it has them, look for a policy that denies: of the bucket, the "
        "organisation, the VPC endpoint."
    )
    return Explanation(
        code=error.code,
        cause=Cause.PERMISSION_MISSING,
        what=f"{what}, or the request carries no signature at all.",
        remedy=f"{remedy} {DOCTOR}",
    )
