"""The multipart uploads of the in-memory object store, judged as S3 judges them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from app.domain.parts import MAX_PARTS, MIN_PART_SIZE, StoredPart
from app.domain.ports import Assembly, SignedParts, UnfinishedUpload, UploadGone, UploadSpec
from app.exceptions.errors import StorageUnavailable
from tests.fakes.bucket import InMemoryBucket, StoredObject, md5
from tests.support.checksums import checksum_of

ABORTS = 5
"""As often as the adapter."""


@dataclass
class Upload:
    """A multipart upload that was begun, and the bodies of its parts by number."""

    spec: UploadSpec
    initiated: datetime
    bodies: dict[int, bytes] = field(default_factory=dict)

    @property
    def parts(self) -> list[StoredPart]:
        return [StoredPart(n, len(body), md5(body)) for n, body in sorted(self.bodies.items())]


@dataclass(frozen=True)
class PartUrl:
    key: str
    upload_id: str
    number: int
    expires_at: datetime


class InMemoryMultipart(InMemoryBucket):
    """`late_parts` of the next aborts find a part arriving while they are under way.

    Parts but the last must have `min_part_size` bytes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.uploads: dict[str, Upload] = {}
        self.late_parts = 0
        self.min_part_size = MIN_PART_SIZE
        self._part_urls: dict[str, PartUrl] = {}

    async def create_multipart(self, spec: UploadSpec) -> str:
        self._asked("create_multipart")
        upload_id = f"upload-{next(self._serial)}"
        self.uploads[upload_id] = Upload(spec, self.clock())
        self._answered("create_multipart")
        return upload_id

    async def presign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], expires_in: int
    ) -> SignedParts:
        self.calls["presign_parts"] += 1
        signed, ends = self._issue(key, expires_in)
        urls = [f"{signed}&uploadId={upload_id}&partNumber={number}" for number in numbers]
        for url, number in zip(urls, numbers, strict=True):
            self._part_urls[url] = PartUrl(key, upload_id, number, ends)
        return SignedParts(urls, ends)

    async def parts(self, key: str, upload_id: str) -> AsyncIterator[Sequence[StoredPart]]:
        stored = self._upload("list_parts", key, upload_id).parts
        yield stored[: self.page_size]
        for start in range(self.page_size, len(stored), self.page_size):
            self._upload("list_parts", key, upload_id)
            yield stored[start : start + self.page_size]

    async def complete_multipart(
        self, spec: UploadSpec, upload_id: str, parts: Sequence[StoredPart]
    ) -> Assembly:
        try:
            upload = self._upload("complete_multipart", spec.key, upload_id)
        except UploadGone:
            return Assembly.GONE
        assembly = self._assemble(upload, spec, parts)
        if assembly is Assembly.DONE:
            del self.uploads[upload_id]
        self._answered("complete_multipart")
        return assembly

    def _assemble(self, upload: Upload, spec: UploadSpec, parts: Sequence[StoredPart]) -> Assembly:
        bodies = [upload.bodies.get(part.number) for part in parts]
        body = b"".join(body or b"" for body in bodies)
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)) or not self._are_held(upload, parts):
            return Assembly.PARTS_DIFFER
        if self.capabilities.multipart_write_once and spec.key in self.objects:
            return Assembly.EXISTS
        if spec.checksum and checksum_of(spec.checksum.algorithm, body) != spec.checksum:
            return Assembly.CHECKSUM_DIFFERS
        etag = f"{md5(b''.join(bytes.fromhex(part.etag) for part in parts))}-{len(parts)}"
        self.objects[spec.key] = StoredObject(
            body, upload.spec.type, spec.checksum, etag, self.clock()
        )
        return Assembly.DONE

    def _are_held(self, upload: Upload, parts: Sequence[StoredPart]) -> bool:
        held = {part.number: part for part in upload.parts}
        etags = all(p.number in held and held[p.number].etag == p.etag for p in parts)
        return etags and all(held[p.number].size >= self.min_part_size for p in parts[:-1])

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        for _ in range(ABORTS):
            try:
                upload = self._upload("abort_multipart", key, upload_id)
            except UploadGone:
                return
            upload.bodies.clear()
            if not self.late_parts:
                del self.uploads[upload_id]
                self._answered("abort_multipart")
                return
            self.late_parts -= 1
            upload.bodies[1] = b"late"
        raise StorageUnavailable("Parts of an aborted upload are still arriving.", retry_after=5)

    async def multipart_uploads(self, key: str) -> list[str]:
        self._asked("list_multipart_uploads")
        return [name for name, upload in self.uploads.items() if upload.spec.key == key]

    async def unfinished_uploads(self, prefix: str) -> AsyncIterator[Sequence[UnfinishedUpload]]:
        found = [
            UnfinishedUpload(key=upload.spec.key, upload_id=name, initiated=upload.initiated)
            for name, upload in self.uploads.items()
            if upload.spec.key.startswith(prefix)
        ]
        for start in range(0, len(found), self.page_size):
            self._asked("list_multipart_uploads")
            yield found[start : start + self.page_size]

    async def send_part(self, url: str, body: bytes) -> httpx.Response:
        """What the store answers to a client that sends a part to this URL."""
        issued = self._part_urls.get(url)
        if issued is None or self.clock() >= issued.expires_at:
            return httpx.Response(403)
        upload = self.uploads.get(issued.upload_id)
        if upload is None or upload.spec.key != issued.key:
            return httpx.Response(404)
        if not 1 <= issued.number <= MAX_PARTS:
            return httpx.Response(400)
        upload.bodies[issued.number] = body
        return httpx.Response(200, headers={"ETag": f'"{md5(body)}"'})

    def _upload(self, operation: str, key: str, upload_id: str) -> Upload:
        self._asked(operation)
        upload = self.uploads.get(upload_id)
        if upload is None or upload.spec.key != key:
            raise UploadGone
        return upload
