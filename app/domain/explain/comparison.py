"""What was signed against what was sent."""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from app.domain.explain.evidence import Evidence, SentRequest
from app.domain.explain.explanation import Cause, Difference
from app.domain.explain.presigned_url import SIGNATURE, PresignedUrl
from app.domain.file import FileRecord, UploadMethod

HIDDEN = "(not shown)"

_SECRETS: Mapping[str, str] = {
    SIGNATURE: "the signature",
    "X-Amz-Credential": "who signed, when and for which region",
    "X-Amz-Security-Token": "the session token",
}
"""Parameters that are never shown, and what stands for their names."""

Found = Iterator[tuple[Cause, Difference]]


def expected_headers(url: PresignedUrl, record: FileRecord | None) -> dict[str, str | None]:
    """The value of each signed header; None where only the record would know."""
    known = {"host": url.host, "if-none-match": "*"}
    if record is not None and _is_single_put(url, record):
        known |= {"content-type": record.type, "content-length": str(record.file_size)}
        if record.checksum is not None:
            known[record.checksum.header] = record.checksum.value
    return {name: known.get(name) for name in url.signed_headers}


def expected_method(url: PresignedUrl, record: FileRecord | None) -> str | None:
    """None where neither says: what a URL is for is in its signature alone."""
    if any(name.startswith("response-") for name in url.query):
        return "GET"
    writes = "uploadId" in url.query or "content-length" in url.signed_headers
    if writes or (record is not None and _is_single_put(url, record)):
        return "PUT"
    return None


def _is_single_put(url: PresignedUrl, record: FileRecord) -> bool:
    return record.method is UploadMethod.PUT and not {"uploadId"} & url.query.keys()


def request_differences(evidence: Evidence) -> list[tuple[Cause, Difference]]:
    """In what the request that was sent is not the one that was signed."""
    url, sent = evidence.url, evidence.sent
    if url is None or sent is None:
        return []
    return [
        *_method(expected_method(url, evidence.record), sent),
        *_path(url, sent.path),
        *([] if sent.query is None else query_differences(url.query, sent.query)),
        *_headers(expected_headers(url, evidence.record), sent),
    ]


def url_differences(signed: PresignedUrl, given: PresignedUrl) -> list[tuple[Cause, Difference]]:
    """In what the URL is not the one that the service would have signed, its signature apart."""
    found = []
    if signed.host != given.host:
        found.append((Cause.HOST_DIFFERS, Difference("host", signed.host, given.host)))
    return [*found, *_path(signed, given.path), *query_differences(signed.query, given.query)]


def _method(expected: str | None, sent: SentRequest) -> Found:
    if expected and sent.method and sent.method.upper() != expected:
        yield Cause.METHOD_DIFFERS, Difference("method", expected, sent.method.upper())


def _path(url: PresignedUrl, sent: str | None) -> Found:
    if sent is None or sent == url.path:
        return
    same = unquote(sent) == unquote(url.path)
    cause = Cause.KEY_ENCODING_DIFFERS if same else Cause.KEY_DIFFERS
    yield cause, Difference("path", url.path, sent)


def query_differences(signed: Mapping[str, str], sent: Mapping[str, str]) -> Found:
    """Every parameter is signed but the signature itself."""
    for name in sorted((signed.keys() | sent.keys()) - {SIGNATURE}):
        if signed.get(name) != sent.get(name):
            yield Cause.QUERY_DIFFERS, _parameter(name, signed.get(name), sent.get(name))


def _parameter(name: str, signed: str | None, sent: str | None) -> Difference:
    if name in _SECRETS:
        return Difference(_SECRETS[name], signed and HIDDEN, sent and HIDDEN)
    return Difference(f"query parameter {name}", signed, sent)


def _headers(expected: Mapping[str, str | None], sent: SentRequest) -> Found:
    for name, value in expected.items():
        found = sent.headers.get(name) or None  # a signed header that is missing is an empty one
        if found is None:
            if sent.complete:
                yield Cause.HEADER_MISSING, Difference(name, value, None)
        elif value is not None and found != value:
            cause = Cause.HOST_DIFFERS if name == "host" else Cause.HEADER_DIFFERS
            yield cause, Difference(name, value, found)
