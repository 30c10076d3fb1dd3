"""Reading an answer out of whatever text somebody has, and refusing what is none."""

import json

import pytest

from app.domain.explain.evidence import NoAnswer, ProxyPage, ServiceProblem, StoreError
from app.infrastructure.storage.error_body import MAX_BYTES, decode, read_text

BODY = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
URL = "https://b.example/k?X-Amz-Date=20261121T120000Z&X-Amz-Signature=feed"


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        f'<?xml version="1.0" encoding="UTF-8"?>\n{BODY}\n',
        BODY.replace("<Error>", '<Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'),
        f"This XML file does not appear to have any style information.\n{BODY}",
        f"app.js:3 PUT {URL} 403 (Forbidden)\n{BODY}\napp.js:9 Uncaught Error",
        f"<!DOCTYPE html><title>Log</title>{BODY}",
        f"<html><body><pre>{BODY.replace('<', '&lt;').replace('>', '&gt;')}</pre></body></html>",
        json.dumps({"body": BODY}).replace("/", "\\/"),
        BODY.replace("><", ">\n  <"),
    ],
)
def test_finds_the_document_in_any_text(text: str) -> None:
    found = read_text(text).answer
    assert isinstance(found, StoreError)
    assert (found.code, found.message) == ("AccessDenied", "Request has expired")


def test_finds_the_request_in_a_console() -> None:
    found = read_text(f"PUT {URL.replace('&', '&amp;')} 403 (Forbidden)")
    assert (found.method, found.url) == ("PUT", URL)
    assert "feed" not in repr(found)
    assert read_text(f"fetched {URL}").method is None


def test_reads_the_words_of_an_sdk() -> None:
    said = "An error occurred (SlowDown) when calling the PutObject operation (reached max): Slow"
    assert read_text(said).answer == StoreError("SlowDown", "Slow")


@pytest.mark.parametrize(
    "said",
    [
        "Access to fetch at 'https://b/k' from origin 'https://a' has been blocked by CORS policy",
        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote",
        "Origin https://a is not allowed by Access-Control-Allow-Origin.",
        "TypeError: Failed to fetch",
        "TypeError: NetworkError when attempting to fetch resource.",
        "TypeError: Load failed",
        "AxiosError: Network Error",
        "PUT https://b/k net::ERR_FAILED",
    ],
)
def test_knows_a_browser_that_shows_no_answer(said: str) -> None:
    assert isinstance(read_text(said).answer, NoAnswer)


def test_knows_the_page_of_a_proxy() -> None:
    page = "<html>\n<head><title>413 Request Entity\n Too Large</title></head><body></body></html>"
    assert read_text(page).answer == ProxyPage("413 Request Entity Too Large")
    assert read_text("<!DOCTYPE html><p>Sign in").answer == ProxyPage("")


def test_knows_the_services_own_problem() -> None:
    problem = {"code": "upload_expired", "detail": "Ask again.", "status": 410}
    assert read_text(json.dumps(problem)).answer == ServiceProblem("upload_expired", "Ask again.")


@pytest.mark.parametrize(
    "text", ["", "  \n", "403", "no XML", "[]", "{}", '{"code": 1}', "[" * 9999]
)
def test_finds_nothing_in_what_is_no_answer(text: str) -> None:
    assert read_text(text).answer is None


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE Error [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><Error><Code>&i;</Code></Error>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Error><Code>&f;</Code></Error>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<Error><Code>&i;</Code></Error>", "damaged"),
        (f"<Error><!DOCTYPE a>{BODY.removeprefix('<Error>')}", "damaged"),
        ("<Error><Code>SlowDown</Code>", "cut off"),
        ("<Error>" * 30_000, "cut off"),
        ("<Error><Code>SlowDown</Error>", "damaged"),
        ("<Error><Message>?</Message></Error>", "names no <Code>"),
    ],
    ids=range(8),
)
def test_refuses_what_is_broken_or_suspicious(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_text(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_decodes_what_shells_write(encoding: str) -> None:
    assert decode("<Error>ä".encode(encoding)) == "<Error>ä"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<" * (MAX_BYTES + 1), "longer than"),
        ("Ungültig".encode("latin-1"), "UTF-8"),
        (b"\x1f\x8b\x08", "UTF-8"),
        (b"a\0b", "not text"),
        (b"\xff\xfea", "UTF-8"),
    ],
)
def test_says_what_it_cannot_decode(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(body)
