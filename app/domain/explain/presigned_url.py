"""What a presigned URL says of itself.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

SIGNATURE = "X-Amz-Signature"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class PresignedUrl:
    """`path` is percent-encoded as it stands in the URL, `query` is decoded. The host has its port
    unless that is the scheme's own, as the Host header has it (RFC 9110, section 7.2)."""

    host: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    signed_at: datetime | None
    expires_in: timedelta | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Also a URL without a signature, such as a form's. Raises ValueError, which never quotes
        the text."""
        parts = urlsplit(text.strip())
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("it must begin with http:// or https:// and a host")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if "AWSAccessKeyId" in query:
            raise ValueError(
                "it is signed with Signature Version 2, which Slipway never does: another "
                "program made it"
            )
        host = parts.netloc.rpartition("@")[2].lower().removesuffix(_DEFAULT_PORTS[parts.scheme])
        return cls(host, parts.path or "/", query, _date(query), _lifetime(query))

    @property
    def is_signed(self) -> bool:
        return SIGNATURE in self.query

    @property
    def expires_at(self) -> datetime | None:
        if self.signed_at is None or self.expires_in is None:
            return None
        return self.signed_at + self.expires_in

    @property
    def signed_headers(self) -> tuple[str, ...]:
        """In lower case; empty where the URL does not say."""
        return tuple(filter(None, self.query.get("X-Amz-SignedHeaders", "").lower().split(";")))

    def is_of_the_signer_of(self, other: Self) -> bool:
        """Whether both were signed with the same access key, at the same second."""
        keys = [url.query.get("X-Amz-Credential", "").partition("/")[0] for url in (self, other)]
        return keys[0] == keys[1] and self.signed_at == other.signed_at

    def names(self, key: str) -> bool:
        """Whether it leads to this key, in either way of addressing the bucket."""
        return unquote(self.path).endswith(f"/{key}")


def _date(query: Mapping[str, str]) -> datetime | None:
    text = query.get("X-Amz-Date")
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("its X-Amz-Date is no time such as 20261121T120000Z") from None


def _lifetime(query: Mapping[str, str]) -> timedelta | None:
    text = query.get("X-Amz-Expires")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise ValueError("its X-Amz-Expires is no number of seconds")
    return timedelta(seconds=int(text))
