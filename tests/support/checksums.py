"""The digests that S3 verifies, by plain means: the CRCs bit by bit, from their polynomials."""

import base64
import hashlib

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
    value = ones
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
    return (value ^ ones).to_bytes(size, "big")
