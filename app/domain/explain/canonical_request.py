"""The request as the store saw it, which AWS and R2 put into SignatureDoesNotMatch.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from app.domain.explain.evidence import SentRequest


def canonical_request(fields: Mapping[str, str]) -> SentRequest | None:
    """What the error's elements say of the request; None when they do not."""
    lines = _text(fields).split("\n")
    if len(lines) < 6 or "" not in lines[3:]:
        return None
    method, path, query, *rest = lines
    headers = rest[: rest.index("")]
    return SentRequest(
        method=method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name: value for name, _, value in (line.partition(":") for line in headers)},
        complete=True,
    )


def _text(fields: Mapping[str, str]) -> str:
    """The bytes in hexadecimal survive a browser, which shows line breaks as blanks."""
    try:
        return bytes.fromhex(fields.get("CanonicalRequestBytes", "")).decode() or _plain(fields)
    except ValueError:
        return _plain(fields)


def _plain(fields: Mapping[str, str]) -> str:
    return fields.get("CanonicalRequest", "").strip()
