"""Whether browsers may do what they are told to: https://fetch.spec.whatwg.org and
https://www.w3.org/TR/mixed-content/"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from app.domain.diagnosis import Finding, Remedy, failure, note, warning
from app.settings import Settings

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")
_DEFAULT_PORT = re.compile(r"http://[^/]*:80|https://[^/]*:443")
"""Browsers leave it out: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin"""

_INSIDE = (".local", ".internal", ".localdomain", ".lan", ".svc")


def origins(settings: Settings) -> Iterator[Finding]:
    """Entries that no browser sends as its `Origin`."""
    for origin in settings.cors_origins:
        if origin == "*" or (_ORIGIN.fullmatch(origin) and not _DEFAULT_PORT.fullmatch(origin)):
            continue
        yield failure(
            f"CORS_ORIGINS has {origin!r}, which no page is from.",
            why="Browsers send scheme, host and port as they are, in lower case, with no slash at "
            "the end and no usual port; a * within a name stands for nothing.",
            remedy=Remedy(
                text="Write each origin as the browser does.",
                command="CORS_ORIGINS=https://app.example.com,http://localhost:3000",
            ),
        )


def foreign_pages(settings: Settings) -> Iterator[Finding]:
    if not settings.is_production:
        return
    if "*" in settings.cors_origins:
        yield warning(
            "CORS_ORIGINS is *.",
            why="Any page may call the API with a token that it has come by.",
            remedy=Remedy(text="List the origins of your own pages."),
        )
    if not settings.cors_origins:
        yield note(
            "CORS_ORIGINS is empty.",
            "No page of another origin may call the API; servers and apps may.",
            Remedy(text="List the origins of your pages, if there are any."),
        )


def mixed_content(settings: Settings) -> Iterator[Finding]:
    """Loopback counts as secure: https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy"""
    url = public_endpoint(settings)
    secure = [origin for origin in settings.cors_origins if origin.startswith("https://")]
    if url.scheme == "http" and secure and not is_loopback(url.hostname or ""):
        yield failure(
            f"Pages of {secure[0]} are told to send to {url.scheme}://{url.netloc}.",
            why="Browsers do not let a page that came by HTTPS send by plain HTTP.",
            remedy=Remedy(
                text="Serve the store over HTTPS, and name that address.",
                command="S3_PUBLIC_ENDPOINT_URL=https://…",
            ),
        )


def store_without_tls(settings: Settings) -> Iterator[Finding]:
    url = public_endpoint(settings)
    if settings.is_production and url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield warning(
            f"Clients reach the store by plain HTTP ({url.netloc}).",
            why="Files can be read on the way, and signed URLs taken.",
            remedy=Remedy(
                text="Serve the store over HTTPS.", command="S3_PUBLIC_ENDPOINT_URL=https://…"
            ),
        )


def store_out_of_reach(settings: Settings) -> Iterator[Finding]:
    """An address to which the service alone may find a way."""
    url = public_endpoint(settings)
    host = url.hostname or ""
    if not (settings.is_production and host and _is_inside(host)):
        return
    make = failure if is_loopback(host) else warning
    yield make(
        f"Clients are told to reach the store at {host}.",
        why="That leads nowhere, or elsewhere, from outside of your own network.",
        remedy=Remedy(
            text="Name the address at which clients reach the store. S3_ENDPOINT_URL stays the "
            "service's own.",
            command="S3_PUBLIC_ENDPOINT_URL=https://files.example.com",
        ),
    )


def public_endpoint(settings: Settings) -> SplitResult:
    """Where clients are sent; empty for AWS."""
    return urlsplit(settings.s3_public_endpoint_url or settings.s3_endpoint_url or "")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_inside(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return is_loopback(host) or "." not in host or host.endswith(_INSIDE) or ".svc." in host
    return not address.is_global
