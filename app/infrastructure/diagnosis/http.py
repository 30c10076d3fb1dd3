"""Requests as a browser or an SDK would make them: no redirects followed, no retries."""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from app.exceptions.errors import StorageUnavailable

MAX_BYTES = 64 * 1024
"""Of an answer; what is asked for here is smaller."""

AGENT = "slipway-doctor"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str:
        """S3's error code, such as `NoSuchBucket`; empty where there is none."""
        return self._element("Code")

    @property
    def region(self) -> str:
        """The region that the bucket is in, where the store says so.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html ("Response Elements")
        """
        return self.headers.get("x-amz-bucket-region", "") or self._element("Region")

    def _element(self, name: str) -> str:
        found = re.search(
            rf"<{name}>([\w.-]{{1,100}})</{name}>", self.body.decode("utf-8", "replace")
        )
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


class Web:
    """A client of whatever address a URL names. Raises `StorageUnavailable` when none answers."""

    def __init__(self, timeout: float) -> None:
        self._options: dict[str, Any] = {
            "timeout": timeout,
            "retries": False,
            "maxsize": 8,  # checks run at once, and urllib3 warns of each connection beyond
            "ca_certs": os.environ.get("AWS_CA_BUNDLE"),
        }
        self._pools: dict[str, urllib3.PoolManager] = {}

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """With `form`, a multipart/form-data body of these fields and `body` as the file."""
        return await asyncio.to_thread(self._send, method, url, headers or {}, body, form)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        form: Mapping[str, str] | None,
    ) -> Answer:
        sent = {"User-Agent": AGENT, **headers}
        if form is not None:
            file = ("file", ("probe", body or b"", "application/octet-stream"))
            body, sent["Content-Type"] = urllib3.encode_multipart_formdata([*form.items(), file])
        try:
            return self._exchange(method, url, sent, body)
        except (HTTPError, OSError, ValueError) as error:
            raise StorageUnavailable(explain(error, url)) from None

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        answer = self._pool(url).request(
            method, url, headers=headers, body=body, redirect=False, preload_content=False
        )
        try:
            content = answer.read(MAX_BYTES)
        finally:
            answer.close()
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, lowered, content)

    def _pool(self, url: str) -> urllib3.PoolManager:
        """By the way that boto3 goes: through the environment's proxies, or past them."""
        parts = urlsplit(url)
        bypassed = proxy_bypass(parts.hostname or "")
        proxy = "" if bypassed else getproxies().get(parts.scheme, "")
        if proxy not in self._pools:
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, **self._options)
                if proxy
                else urllib3.PoolManager(**self._options)
            )
        return self._pools[proxy]

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()


def explain(error: Exception, url: str) -> str:
    """What is wrong with the way there. Of the URL only the origin: the rest may be signed."""
    origin = "/".join(url.split("/", 3)[:3])
    match error:
        case ProxyError():
            return (
                f"The proxy of the environment (HTTPS_PROXY, NO_PROXY) does not lead to {origin}."
            )
        case NameResolutionError():
            return f"The name in {origin} is not known to DNS."
        case NewConnectionError():
            return f"Nothing listens at {origin}, or the network does not lead there."
        case SSLError():
            return (
                f"TLS with {origin} fails: its certificate is not trusted, or it speaks plain HTTP."
            )
        case ConnectTimeoutError() | ReadTimeoutError():
            return f"{origin} does not answer in time."
    return f"{origin} breaks off, or does not speak HTTP."
