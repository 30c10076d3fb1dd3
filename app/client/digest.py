"""The checksum that is declared: CRC32 of the whole file, which stores can verify in parts too.

zlib's reads 1.5 GiB a second on one core, a sixth of what sending to a store next door takes.
"""

import base64
import zlib
from collections.abc import Callable

from app.client.source import Source

_BLOCK = 1024**2


def crc32_of(source: Source, on_read: Callable[[int], None]) -> int:
    """CRC32 of the bytes; `on_read` hears of each further number of them.

    Raises `OSError` and `FileChanged`.
    """
    checksum, buffer = 0, memoryview(bytearray(_BLOCK))
    with source.opened() as file:
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            checksum = zlib.crc32(buffer[:count], checksum)
            on_read(count)
    return checksum


def declared(crc32: int) -> dict[str, str]:
    """As the service wants it: base64 of the big-endian bytes.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    return {"algorithm": "crc32", "value": base64.b64encode(crc32.to_bytes(4, "big")).decode()}
