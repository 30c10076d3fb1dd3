"""Whether bytes are those that were declared."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Protocol

from anycrc import Model  # type: ignore[import-untyped]

from app.client.download_errors import Corrupt, Uncheckable
from app.domain.checksum import DIGEST_BYTES, ChecksumAlgorithm, ChecksumType

# https://reveng.sourceforge.io/crc-catalogue/all.htm
_CRCS = {
    ChecksumAlgorithm.CRC32: "CRC32",
    ChecksumAlgorithm.CRC32C: "CRC32-ISCSI",
    ChecksumAlgorithm.CRC64NVME: "CRC64-NVME",
}


class Running(Protocol):
    """As the digests of hashlib are."""

    def update(self, data: memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class Check:
    """The checksum that was declared of a file, to hold its bytes against, in order.

    `declared` has the `algorithm`, `value` and `type` of a record's checksum, or is None. Raises
    `Uncheckable`.
    """

    def __init__(self, declared: Mapping[str, str] | None) -> None:
        full = declared is not None and declared.get("type") != ChecksumType.COMPOSITE
        self._declared = declared if full else None
        self._running = _begin(self._declared["algorithm"]) if self._declared else None

    @property
    def algorithm(self) -> str | None:
        """None when nothing was declared that covers the bytes."""
        return self._declared["algorithm"] if self._declared else None

    def take(self, data: memoryview) -> None:
        if self._running:
            self._running.update(data)

    def end(self) -> None:
        """Raise `Corrupt` if these were other bytes."""
        if self._declared is None or self._running is None:
            return
        found = base64.b64encode(self._running.digest()).decode()
        if found != self._declared["value"]:
            raise Corrupt(
                f"what arrived has the {self.algorithm} {found}, not {self._declared['value']} "
                "as declared: download it again"
            )


class _Crc:
    def __init__(self, algorithm: ChecksumAlgorithm) -> None:
        self._model = Model(_CRCS[algorithm])
        self._size = DIGEST_BYTES[algorithm]
        self._value = self._model.calc(b"")

    def update(self, data: memoryview, /) -> None:
        self._value = self._model.calc(data, self._value)

    def digest(self) -> bytes:
        return int(self._value).to_bytes(self._size, "big")


def _begin(algorithm: str) -> Running:
    try:
        known = ChecksumAlgorithm(algorithm)
    except ValueError:
        raise Uncheckable(algorithm) from None
    return _Crc(known) if known in _CRCS else hashlib.new(known.value)
