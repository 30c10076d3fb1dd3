"""Checksums that S3 verifies on arrival.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum


class ChecksumAlgorithm(StrEnum):
    SHA256 = "sha256"
    SHA1 = "sha1"
    CRC32 = "crc32"
    CRC32C = "crc32c"
    CRC64NVME = "crc64nvme"


class ChecksumType(StrEnum):
    """What a checksum of a multipart upload covers."""

    FULL_OBJECT = "full_object"
    """The bytes, as if they had been sent at once."""
    COMPOSITE = "composite"
    """The checksums of the parts."""


DIGEST_BYTES = {
    ChecksumAlgorithm.SHA256: 32,
    ChecksumAlgorithm.SHA1: 20,
    ChecksumAlgorithm.CRC32: 4,
    ChecksumAlgorithm.CRC32C: 4,
    ChecksumAlgorithm.CRC64NVME: 8,
}


@dataclass(frozen=True, slots=True)
class Checksum:
    """A digest as S3 carries it: `value` is base64 of the big-endian digest bytes."""

    algorithm: ChecksumAlgorithm
    value: str

    @property
    def header(self) -> str:
        """The request header that makes the store verify it, in lower case."""
        return f"x-amz-checksum-{self.algorithm}"


def check_checksum(algorithm: ChecksumAlgorithm, value: str) -> None:
    """Raise `ValueError` unless `value` is canonical base64 of a digest of that algorithm."""
    length = DIGEST_BYTES[algorithm]
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != length or base64.b64encode(digest).decode() != value:
        raise ValueError(f"must be base64 of the {length} bytes of a {algorithm} digest")
