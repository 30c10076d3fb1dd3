"""What signing is, whoever does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

NOTHING: Mapping[str, str] = {}


class PostForm(NamedTuple):
    """Where to send a form and its fields in order, the file after them."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A HeadObject that asks for checksums too; `headers` (names in lower case) sign it."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


class Signer(Protocol):
    """Signs requests on one bucket with one generation of credentials, without any call.

    `now` is UTC in whole seconds; `expires_in` is in seconds. Two signers given the same
    arguments at the same time agree byte for byte.
    """

    @property
    def name(self) -> str: ...

    def presign(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        expires_in: int,
        now: datetime,
    ) -> str:
        """A URL for `method` on `key`; whoever uses it must send `headers` (lower-case names)."""
        ...

    def presign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], *, expires_in: int, now: datetime
    ) -> list[str]:
        """A URL for the PUT of each part of one upload, as `presign` of each would be."""
        ...

    def sign_head(self, key: str, *, now: datetime) -> SignedHead:
        """A HEAD of `key`, good for the 15 minutes by which S3 lets clocks differ."""
        ...

    def presign_post(
        self,
        key: str,
        *,
        fields: Mapping[str, str],
        sizes: tuple[int, int],
        expires_in: int,
        now: datetime,
    ) -> PostForm:
        """A form that stores from the first to the second of `sizes` in bytes under `key`, with
        exactly these `fields`."""
        ...
