"""Messages of SNS topics: are they from Amazon, and from a topic that was named to us?

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import asyncio
import base64
import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
import urllib3
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from app.exceptions.errors import EventsPostponed, Forbidden, Unauthorized
from app.infrastructure.download import download

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"

MAX_AGE = timedelta(hours=24)
"""SNS itself tries for 6 hours unless its delivery policy says otherwise; a message that is sent
anew by somebody else does no harm, because every event may come twice."""
CLOCK_SKEW = timedelta(minutes=5)

TIMEOUT = 5.0
"""Seconds for one fetch; SNS waits 15 for its answer."""
MAX_BYTES = 64 * 1024
MAX_CERTIFICATES = 16
"""Kept at once; Amazon has one a region, and replaces it once a year or so."""

# RFC 1123 names below amazonaws.com alone: a bucket or an instance cannot have one like it.
_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]+\.pem")

_SIGNED: Mapping[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        (CONFIRMATION, "UnsubscribeConfirmation"),
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_OPTIONAL = "Subject"
_HASHES = {"1": SHA1, "2": SHA256}

Fetch = Callable[[str], bytes]
"""The body of the answer to a GET; blocks, and raises anything."""

log = structlog.get_logger(__name__)


class SnsTopics:
    """The topics with these ARNs. `fetch` is what reaches Amazon."""

    def __init__(
        self,
        arns: Collection[str],
        *,
        clock: Callable[[], datetime],
        fetch: Fetch | None = None,
    ) -> None:
        self._arns = tuple(arns)
        self._clock = clock
        pool = urllib3.PoolManager(num_pools=4, maxsize=1)
        self._fetch = fetch or partial(download, pool, timeout=TIMEOUT, max_bytes=MAX_BYTES)
        self._certificates: dict[str, x509.Certificate] = {}

    @property
    def any(self) -> bool:
        """Whether a topic was named at all."""
        return bool(self._arns)

    async def verify(self, message: Mapping[str, Any]) -> None:
        """Raise `Forbidden` for another topic's message, `Unauthorized` for one that Amazon has
        not signed or signed long ago, and `EventsPostponed` when its key cannot be fetched.

        No address is visited that a message of another topic names.
        """
        if message.get("TopicArn") not in self._arns:
            raise Forbidden("This topic is not among STORAGE_EVENTS_TOPICS.")
        signed = _text_to_sign(message)
        self._check_age(message["Timestamp"])
        algorithm = _HASHES.get(str(message.get("SignatureVersion")))
        if algorithm is None:
            raise Unauthorized("The SignatureVersion must be 1 or 2.")
        certificate = await self._certificate(message.get("SigningCertURL"))
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Unauthorized("The signing certificate has no RSA key.")
        try:
            key.verify(_signature(message), signed.encode(), PKCS1v15(), algorithm())
        except InvalidSignature:
            raise Unauthorized("The signature of the message does not verify.") from None

    async def confirm(self, message: Mapping[str, Any]) -> None:
        """Subscribe to the topic of a verified confirmation. Raises `EventsPostponed`."""
        url = message["SubscribeURL"]
        _require_amazon(url)
        await self._get(url)
        log.info("sns_subscribed", topic=message["TopicArn"])

    async def _certificate(self, url: object) -> x509.Certificate:
        if not isinstance(url, str) or not _CERTIFICATE.fullmatch(_require_amazon(url)):
            raise Unauthorized("The SigningCertURL is none of SNS.")
        certificate = self._certificates.get(url)
        if certificate is None:
            certificate = _read_certificate(await self._get(url))
            if len(self._certificates) >= MAX_CERTIFICATES:
                self._certificates.clear()
            self._certificates[url] = certificate
        now = self._clock()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            self._certificates.pop(url, None)
            raise Unauthorized("The signing certificate is not valid at this time.")
        return certificate

    async def _get(self, url: str) -> bytes:
        try:
            return await asyncio.to_thread(self._fetch, url)
        except Exception as error:
            log.warning("sns_not_reached", error=type(error).__name__)
            raise EventsPostponed("Amazon SNS does not answer; send it again.") from error

    def _check_age(self, timestamp: str) -> None:
        try:
            at = datetime.fromisoformat(timestamp)
            is_current = -CLOCK_SKEW <= self._clock() - at <= MAX_AGE
        except (ValueError, TypeError):  # TypeError: of a time without its zone
            is_current = False
        if not is_current:
            raise Unauthorized("The Timestamp of the message is too old, ahead, or none.")


def is_sns(document: object) -> bool:
    """Whether it is a message of SNS, of whatever kind."""
    return isinstance(document, Mapping) and document.get("Type") in tuple(_SIGNED)


def _text_to_sign(message: Mapping[str, Any]) -> str:
    """Each name and value on a line of its own, in this order. Raises `Unauthorized`."""
    names = [name for name in _SIGNED[message["Type"]] if name in message or name != _OPTIONAL]
    values = [message.get(name) for name in names]
    if not all(isinstance(value, str) for value in values):
        raise Unauthorized("The message lacks a part of what SNS signs.")
    return "".join(f"{name}\n{value}\n" for name, value in zip(names, values, strict=True))


def _signature(message: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(message["Signature"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise Unauthorized("The Signature of the message is no base64.") from None


def _require_amazon(url: str) -> str:
    """The path of an HTTPS URL of SNS's own host. Raises `Unauthorized` for any other URL."""
    try:
        parts = urlsplit(url)
        # urlsplit drops line breaks and tabs.
        is_amazon = url.isprintable() and parts.scheme == "https" and _HOST.fullmatch(parts.netloc)
    except ValueError:
        is_amazon = False
    if not is_amazon:
        raise Unauthorized("The message names an address that is none of SNS.")
    return parts.path


def _read_certificate(body: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(body)
    except ValueError:
        raise Unauthorized("The signing certificate cannot be read.") from None
