"""The digests that S3 verifies, by plain means: the CRCs by tables made from their polynomials."""

import base64
import hashlib
from functools import lru_cache

from app.domain.checksum import Checksum, ChecksumAlgorithm

# Reflected polynomials: https://reveng.sourceforge.io/crc-catalogue/all.htm
_CRCS = {
    ChecksumAlgorithm.CRC32: (0xEDB88320, 4),
    ChecksumAlgorithm.CRC32C: (0x82F63B78, 4),
    ChecksumAlgorithm.CRC64NVME: (0x9A6C9329AC4BC9B5, 8),
}


def checksum_of(algorithm: ChecksumAlgorithm, data: bytes) -> Checksum:
    """The checksum of `data` as a client declares it."""
    if algorithm in _CRCS:
        digest = _crc(data, *_CRCS[algorithm])
    else:
        digest = hashlib.new(algorithm.value, data).digest()
    return Checksum(algorithm, base64.b64encode(digest).decode())


def _crc(data: bytes, polynomial: int, size: int) -> bytes:
    ones = (1 << 8 * size) - 1
    value, table = ones, _table(polynomial)
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return (value ^ ones).to_bytes(size, "big")


@lru_cache
def _table(polynomial: int) -> tuple[int, ...]:
    return tuple(_remainder(byte, polynomial) for byte in range(256))


def _remainder(value: int, polynomial: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (polynomial if value & 1 else 0)
    return value
