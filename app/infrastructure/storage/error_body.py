"""A store's error document in whatever text somebody has of it: a body, a log, a console.

Nothing is expanded: a document type, which alone can declare entities, is refused.
"""

import html
import json
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

from app.domain.explain.evidence import Answer, NoAnswer, ProxyPage, ServiceProblem, StoreError

MAX_BYTES = 256 * 1024
"""S3's own are below 10 KB; the rest of a console's text needs some room."""

_BEGINNING, _END = re.compile(r"<Error[\s>]"), "</Error>"
_HTML = re.compile(r"<(?:!doctype html|html)\b", re.I)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,200})", re.I)
_CONSOLE = re.compile(
    r"blocked by CORS policy|Cross-Origin Request Blocked|not allowed by Access-Control-Allow-\w+"
    r"|Failed to fetch|Network ?Error|Load failed|net::ERR_\w+",
    re.I,
)
# ClientError of boto3 and aws-cli:
# https://github.com/boto/botocore/blob/develop/botocore/exceptions.py
_SDK = re.compile(r"An error occurred \((\w[\w.]*)\) when calling the \w+ operation[^:]*: (.*)")
_URL = re.compile(
    r"""(?:\b(GET|HEAD|PUT|POST|DELETE)\s)?"""
    r"""(https?://[^\s"'<>]{1,4096}[?&]X-Amz-Signature=[^\s"'<>)]{1,4096})"""
)


@dataclass(frozen=True, slots=True)
class ReadText:
    """What a text holds: an answer, and the URL and the method of the request if it quotes them."""

    answer: Answer | None
    url: str | None = field(default=None, repr=False)
    method: str | None = None


def decode(body: bytes) -> str:
    """The text of a file. Raises ValueError, which says what to do about it."""
    if len(body) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES:,} bytes: give the error's body alone")
    # PowerShell redirects in UTF-16 with its mark.
    marked = body.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = body.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8: is it the body of an answer? Save it as UTF-8") from None
    if "\0" in text:
        raise ValueError("it is not text: is it compressed? Save the body as it was sent")
    return text


def read_text(text: str) -> ReadText:
    """Find what `text` says. Raises ValueError for a document that is broken or suspicious."""
    found = _URL.search(html.unescape(text))
    method, url = (found[1], found[2]) if found else (None, None)
    return ReadText(_answer(_unescaped(text)), url, method)


def _unescaped(text: str) -> str:
    """Without the escapes of a JSON log, or of a page that shows the document."""
    if "<\\/Error>" in text:
        text = text.replace("<\\/", "</").replace("\\n", "\n").replace("\\/", "/")
    return html.unescape(text) if "&lt;/Error&gt;" in text else text


def _answer(text: str) -> Answer | None:
    if found := _BEGINNING.search(text):
        end = text.find(_END, found.start())
        if end < 0:
            raise ValueError("the XML is cut off before </Error>: give the whole body")
        return _document(text[: found.start()], text[found.start() : end + len(_END)])
    if _HTML.search(text):
        title = _TITLE.search(text)
        return ProxyPage(_spaced(html.unescape(title[1])) if title else "")
    if found := _SDK.search(text):
        return StoreError(found[1], found[2].strip())
    if found := _CONSOLE.search(text):
        return NoAnswer(found[0])
    return _problem(text)


def _document(before: str, document: str) -> StoreError:
    # Entities can be declared in a document type alone; without one expat expands but the five of
    # XML itself (https://www.w3.org/TR/xml/#sec-predefined-ent).
    if re.search(r"<!(?:DOCTYPE(?!\s+html\b)|ENTITY)", before, re.I):
        raise ValueError("it has a document type, which no store's error has, and is not read")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314
    except ElementTree.ParseError:
        raise ValueError("the XML is damaged: give the body as the store sent it") from None
    fields = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root}
    code = fields.get("Code", "")
    if not code:
        raise ValueError("its <Error> names no <Code>: give the body as the store sent it")
    return StoreError(code, fields.get("Message", ""), fields)


def _problem(text: str) -> ServiceProblem | None:
    """A problem document of the service (RFC 9457), alone in the text."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or not isinstance(values.get("code"), str):
        return None
    return ServiceProblem(values["code"], str(values.get("detail", "")))


def _spaced(text: str) -> str:
    return " ".join(text.split())
