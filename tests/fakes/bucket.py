"""What every part of the in-memory object store shares: the objects, the clock, the failures."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.ports import Capabilities
from app.exceptions.errors import StorageUnavailable

CAPABILITIES = Capabilities(
    name="memory",
    post_form=True,
    write_once=True,
    checksums=frozenset(ChecksumAlgorithm),
    max_put_size=5 * 1024**3,
    max_object_size=5 * 1024**4,
    multipart_checksums=frozenset(
        {ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME}
    ),
    multipart_write_once=True,
    virtual_hosts=False,
)


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredObject:
    body: bytes
    type: str
    checksum: Checksum | None = None
    multipart_etag: str | None = None
    stored_at: datetime = LONG_AGO

    @property
    def etag(self) -> str:
        return self.multipart_etag or md5(self.body)


class InMemoryBucket:
    """Set `down` and every call but signing raises `StorageUnavailable`; `calls` counts them.

    The next answer to an operation named in `lost_answers` is lost: it is done all the same, and
    raises `StorageUnavailable`.
    """

    def __init__(
        self,
        *,
        capabilities: Capabilities = CAPABILITIES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.capabilities = capabilities
        self.objects: dict[str, StoredObject] = {}
        self.down = False
        self.lost_answers: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.page_size = 1000
        self.clock = clock
        self._serial = itertools.count(1)

    def put(self, key: str, body: bytes, type: str, checksum: Checksum | None = None) -> str:
        """Store an object behind everybody's back; returns its ETag."""
        self.objects[key] = StoredObject(body, type, checksum, stored_at=self.clock())
        return self.objects[key].etag

    def _issue(self, key: str, expires_in: int) -> tuple[str, datetime]:
        url = f"https://store.test/{key}?signature={next(self._serial)}"
        return url, self.clock().replace(microsecond=0) + timedelta(seconds=expires_in)

    def _asked(self, operation: str) -> None:
        self.calls[operation] += 1
        if self.down:
            raise StorageUnavailable("The object store is down.", retry_after=5)

    def _answered(self, operation: str) -> None:
        if operation in self.lost_answers:
            self.lost_answers.remove(operation)
            raise StorageUnavailable("The object store's answer was lost.", retry_after=5)
