"""What the doctor writes, and its digests."""

import base64
import hashlib
from collections.abc import Mapping

from app.domain.checksum import DIGEST_BYTES, Checksum, ChecksumAlgorithm
from app.domain.ports import UploadSpec

BODY = b"123456789"
"""The text of which the catalogue of CRCs gives each one's "check" value."""

OTHER = b"987654321"
"""As long as BODY."""

TYPE = "text/plain"

NO_UPLOAD = "0" * 32
"""The id of a multipart upload that there is not."""

EXPIRES_IN = 300
"""Seconds; longer than an examination."""

# https://reveng.sourceforge.io/crc-catalogue/all.htm: CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME
_CHECK: Mapping[ChecksumAlgorithm, int] = {
    ChecksumAlgorithm.CRC32: 0xCBF43926,
    ChecksumAlgorithm.CRC32C: 0xE3069283,
    ChecksumAlgorithm.CRC64NVME: 0xAE8B14860A799888,
}


def right_checksum(algorithm: ChecksumAlgorithm) -> Checksum:
    """That of BODY."""
    if algorithm in _CHECK:
        digest = _CHECK[algorithm].to_bytes(DIGEST_BYTES[algorithm], "big")
    else:
        digest = hashlib.new(algorithm.value, BODY, usedforsecurity=False).digest()
    return Checksum(algorithm, base64.b64encode(digest).decode())


def wrong_checksum(algorithm: ChecksumAlgorithm) -> Checksum:
    """A digest that is not BODY's."""
    return Checksum(algorithm, base64.b64encode(bytes(DIGEST_BYTES[algorithm])).decode())


def spec_of(key: str, checksum: Checksum | None = None) -> UploadSpec:
    """BODY under that key."""
    return UploadSpec(key=key, type=TYPE, size=len(BODY), checksum=checksum)
