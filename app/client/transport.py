"""Calls to the service: patient, bounded, and with problem documents as errors."""

import json
import re
import ssl
from collections.abc import Mapping
from typing import Any, Never
from urllib.parse import urlsplit

import urllib3
from urllib3.util import Retry, Timeout

from app.client.errors import BadToken, BadUrl, Refused, Unintelligible, Unreachable

TIMEOUT = Timeout(connect=10, read=90)
"""Seconds. The service itself gives the store 60 for `complete`."""

_TOKEN = re.compile(r"[\x21-\x7e]+")


class _Patience(Retry):
    """Every status that the service sends with `Retry-After` is worth another try."""

    RETRY_AFTER_STATUS_CODES = frozenset({429, 500, 503})


_UNMET = _Patience(
    total=10,
    connect=2,
    other=0,  # TLS, above all a certificate that is not good
    backoff_factor=0.25,
    backoff_max=20,
    backoff_jitter=0.5,
    # of a proxy before a service that is being restarted
    status_forcelist={502, 503, 504},
    allowed_methods=None,  # all: creations carry an Idempotency-Key, the rest can be repeated
    retry_after_max=120,
    raise_on_status=False,
)
"""Until the service has answered once: an address that is wrong shall be told soon."""
_MET = _UNMET.new(connect=None, other=None)
"""Afterwards: a minute and a half, in which a service can be restarted."""


class Transport:
    """One service and one token. Safe to share between threads.

    `url` is the address of the service, with a path if it is mounted under one. Raises `BadUrl`
    and `BadToken`.
    """

    def __init__(self, url: str, token: str, *, connections: int = 8) -> None:
        self.url = _checked(url)
        if not _TOKEN.fullmatch(token):
            raise BadToken("a token is one word of ASCII characters, without spaces or line breaks")
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "slipway"}
        self._retries = _UNMET
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            block=True,
            timeout=TIMEOUT,
            ssl_context=ssl.create_default_context(),
        )

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON of the answer, None for one without content.

        Raises `Refused`, `Unreachable` or `Unintelligible`.
        """
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(
                method,
                self.url + path,
                body=None if body is None else json.dumps(body).encode(),
                fields=query,
                headers=sent,
                retries=self._retries,
                redirect=False,  # which would take the token elsewhere
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{self.url} does not answer: {_cause(error)}") from None
        self._retries = _MET
        return self._content(answer)

    def close(self) -> None:
        self._pool.clear()

    def _content(self, answer: urllib3.BaseHTTPResponse) -> Any:
        if answer.status == 204:
            return None
        try:
            content = json.loads(answer.data)
        except ValueError:
            self.misunderstood(f"an answer {answer.status} that is not JSON")
        if 200 <= answer.status < 300:
            return content
        if not isinstance(content, dict) or not isinstance(content.get("code"), str):
            self.misunderstood(f"an answer {answer.status} without a problem document")
        raise Refused(answer.status, content)

    def misunderstood(self, what: str) -> Never:
        """Raise `Unintelligible`."""
        raise Unintelligible(f"{self.url} gave {what}: is this the address of a Slipway service?")


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username or parts.query or parts.fragment:
        raise BadUrl(
            "the address of the service must look like https://files.example.com, with neither "
            "credentials nor a query"
        )
    return url.rstrip("/")


def _cause(error: Exception) -> str:
    """The innermost reason, in words that name no more than the address."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, urllib3.exceptions.HTTPError):
        return _cause(reason)
    inner = reason or error.__cause__ or error.__context__
    return str(getattr(inner, "strerror", None) or type(inner or error).__name__)
