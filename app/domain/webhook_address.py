"""Where a webhook may lead: to public addresses, and to those that the operator allows besides.

The special addresses: https://www.iana.org/assignments/iana-ipv4-special-registry,
https://www.iana.org/assignments/iana-ipv6-special-registry.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self
from urllib.parse import SplitResult, urlsplit

from app.exceptions.errors import FieldError, InvalidRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL_LENGTH = 2048

_UNICAST = IPv6Network("2000::/3")
"""All that is global unicast in IPv6 today, RFC 4291 section 2.4."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 as hosts without any see it, RFC 6052: the last 32 bits."""

_REFUSED: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # leads to the host of a virtual machine in Azure
    IPv4Network("192.0.0.0/24"),  # protocol assignments; metadata of Oracle's cloud
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)
"""Special all the same: Python knows the first not at all, the others by its release."""

_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?|[0-9a-f:.]+", re.ASCII)

HTTPS_PORT, HTTP_PORT, FIRST_FREE_PORT = 443, 80, 1024


@dataclass(frozen=True, slots=True)
class AddressRule:
    """`allowed` are networks that may be reached although they are not public."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, networks: Iterable[str]) -> Self:
        """Raises ValueError for what is no network."""
        return cls(tuple(ip_network(network) for network in networks))

    def permits(self, address: Address) -> bool:
        return is_public(address) or self.allows(address)

    def allows(self, address: Address) -> bool:
        """Whether it is in a network of the operator's: only there may it be plain HTTP."""
        plain = _unwrapped(address)
        return any(plain in network for network in self.allowed)

    def check(self, url: str) -> None:
        """Raise `InvalidRequest` for a URL that can be no webhook's, whatever its name leads to."""
        if len(url) > MAX_URL_LENGTH or not _URL.fullmatch(url.lower()):
            raise _refusal(f"must be a URL of at most {MAX_URL_LENGTH} ASCII characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _refusal("must be a URL") from None
        self._check_parts(parts, port)

    def _check_parts(self, parts: SplitResult, port: int | None) -> None:
        if parts.scheme != "https" and not (parts.scheme == "http" and self.allowed):
            raise _refusal("must begin with https://")
        if "@" in parts.netloc or parts.fragment:
            raise _refusal("must have neither a user, nor a password, nor a fragment")
        host = parts.hostname or ""
        if not _HOST.fullmatch(host):
            raise _refusal("must have a host name, an international one in its ASCII form")
        usual = HTTPS_PORT if parts.scheme == "https" else HTTP_PORT
        if port is not None and port != usual and port < FIRST_FREE_PORT:
            raise _refusal(f"must have the port {usual}, or one from {FIRST_FREE_PORT} on")
        address = _literal(host)
        reached = self.permits if parts.scheme == "https" else self.allows
        if address is not None and not reached(address):
            raise _refusal("must lead to a public address")


def is_public(address: Address) -> bool:
    """Whether it belongs to one host of the public internet, and to no part of our own network."""
    plain = _unwrapped(address)
    if isinstance(plain, IPv6Address) and plain not in _UNICAST:
        return False
    special = plain.is_multicast or any(plain in network for network in _REFUSED)
    return plain.is_global and not special


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _refusal(message: str) -> InvalidRequest:
    return InvalidRequest(f"url {message}.", [FieldError("url", message)])
