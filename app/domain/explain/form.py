"""The refusals of a form: each field is held to a condition of its policy.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

import json

from app.domain.explain.evidence import Evidence, StoreError
from app.domain.explain.explanation import Cause, Difference, Explanation
from app.domain.file import FileRecord

_SEND_ALL = (
    "Send every one of the `fields` of the service's answer, unchanged and in their order, then "
    "the file, and nothing else."
)


def explain_form(evidence: Evidence, error: StoreError) -> Explanation:
    """`Invalid according to Policy: …`"""
    said = error.message.partition("Invalid according to Policy:")[2].strip().rstrip(").")
    lowered = said.lower()
    if "extra input fields" in lowered:
        return _extra(error, said.partition(":")[2].strip())
    if "expired" in lowered:
        return _expired(error)
    return _condition(evidence, error, said.partition(":")[2])


def _extra(error: StoreError, names: str) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.FORM_FIELD_EXTRA,
        what=f"The form has a field that was not signed{f': {names}' if names else ''}.",
        remedy=_SEND_ALL,
        differences=(Difference(f"field {names}", None, "sent"),) if names else (),
    )


def _expired(error: StoreError) -> Explanation:
    return Explanation(
        code=error.code,
        cause=Cause.EXPIRED,
        what="The form was sent after its end.",
        remedy="Ask for a new form, and send it before its `expires_at`.",
    )


def _condition(evidence: Evidence, error: StoreError, condition: str) -> Explanation:
    wanted = _wanted(condition)
    known = (wanted,) if wanted else _declared(evidence.record)
    named = f": {wanted.what}" if wanted else "; this store does not say which"
    return Explanation(
        code=error.code,
        cause=Cause.FORM_FIELD_DIFFERS,
        what=f"A field of the form does not have the value that was signed{named}.",
        remedy=_SEND_ALL,
        differences=known,
    )


def _wanted(condition: str) -> Difference | None:
    """AWS quotes the condition: `["eq", "$Content-Type", "image/png"]`."""
    try:
        _, name, value = json.loads(condition)
    except (ValueError, TypeError):
        return None
    return Difference(f"field {str(name).removeprefix('$')}", str(value), None)


def _declared(record: FileRecord | None) -> tuple[Difference, ...]:
    if record is None:
        return ()
    return (
        Difference("field key", record.key, None),
        Difference("field Content-Type", record.type, None),
    )
