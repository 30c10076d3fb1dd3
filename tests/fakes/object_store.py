"""An in-memory twin of the object store that verifies as the real one does, for service tests.

It is held to the same contract suite as the adapter. Clients reach it through `send`, which takes
a signed request as it was handed out, or with other headers, fields or bytes.
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import UploadMethod
from app.domain.ports import Capabilities, ObservedObject, SignedRequest, UploadSpec
from app.exceptions.errors import StorageUnavailable
from tests.support.checksums import checksum_of

CAPABILITIES = Capabilities(
    name="memory",
    post_form=True,
    write_once=True,
    checksums=frozenset(ChecksumAlgorithm),
    max_put_size=5 * 1024**3,
    max_object_size=5 * 1024**4,
    multipart_checksums=frozenset(),
    multipart_write_once=False,
    virtual_hosts=False,
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    body: bytes
    type: str
    checksum: Checksum | None = None

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class InMemoryObjectStore:
    """Set `down` and every call but signing raises `StorageUnavailable`; `calls` counts them.

    A URL is only good for the request that it was handed out for.
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
        self.calls: Counter[str] = Counter()
        self.clock = clock
        self._serial = itertools.count(1)
        self._uploads: dict[str, tuple[SignedRequest, UploadSpec]] = {}
        self._downloads: dict[str, tuple[SignedRequest, str, Mapping[str, str]]] = {}

    def put(self, key: str, body: bytes, type: str, checksum: Checksum | None = None) -> str:
        """Store an object behind everybody's back; returns its ETag."""
        self.objects[key] = StoredObject(body, type, checksum)
        return self.objects[key].etag

    async def presign_upload(
        self, spec: UploadSpec, method: UploadMethod, expires_in: int
    ) -> SignedRequest:
        self.calls["presign_upload"] += 1
        said = {} if spec.checksum is None else {spec.checksum.header: spec.checksum.value}
        said = {"Content-Type": spec.type, **said}
        url, ends = self._issue(spec.key, expires_in)
        if method is UploadMethod.POST:
            fields = {**said, "success_action_status": "201", "key": spec.key, "policy": url}
            signed = SignedRequest("POST", url, ends, fields=fields)
        else:
            once = {"If-None-Match": "*"} if self.capabilities.write_once else {}
            signed = SignedRequest("PUT", url, ends, headers={**said, **once})
        self._uploads[url] = (signed, spec)
        return signed

    async def presign_download(
        self, key: str, *, type: str, disposition: str, expires_in: int
    ) -> SignedRequest:
        self.calls["presign_download"] += 1
        url, ends = self._issue(key, expires_in)
        signed = SignedRequest("GET", url, ends)
        answer = {"Content-Type": type, "Content-Disposition": disposition}
        self._downloads[url] = (signed, key, answer)
        return signed

    async def head(self, key: str) -> ObservedObject | None:
        self._answer("head")
        found = self.objects.get(key)
        if found is None:
            return None
        checksums = {found.checksum.algorithm: found.checksum.value} if found.checksum else {}
        return ObservedObject(
            size=len(found.body), type=found.type, etag=found.etag, checksums=checksums
        )

    async def delete(self, key: str) -> None:
        self._answer("delete")
        self.objects.pop(key, None)

    async def ping(self) -> None:
        self._answer("ping")

    async def send(
        self,
        signed: SignedRequest,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """What the store answers to a client that sends this."""
        headers = signed.headers if headers is None else headers
        fields = signed.fields if fields is None else fields
        if signed.url in self._downloads:
            return self._download(signed)
        if signed.url not in self._uploads:
            return httpx.Response(403)
        issued, spec = self._uploads[signed.url]
        wrong = self.clock() >= issued.expires_at or signed.method != issued.method
        wrong = wrong or dict(headers) != issued.headers or dict(fields) != issued.fields
        if wrong or (signed.method == "PUT" and len(body) != spec.size):
            return httpx.Response(403)
        return self._store(signed.method, spec, body)

    def _store(self, method: str, spec: UploadSpec, body: bytes) -> httpx.Response:
        checksum = spec.checksum
        if len(body) != spec.size:
            return httpx.Response(400)
        if checksum is not None and checksum_of(checksum.algorithm, body) != checksum:
            return httpx.Response(400)
        if method == "PUT" and self.capabilities.write_once and spec.key in self.objects:
            return httpx.Response(412)
        self.put(spec.key, body, spec.type, checksum)
        return httpx.Response(201 if method == "POST" else 200)

    def _download(self, signed: SignedRequest) -> httpx.Response:
        issued, key, headers = self._downloads[signed.url]
        if self.clock() >= issued.expires_at or signed.method != "GET":
            return httpx.Response(403)
        if key not in self.objects:
            return httpx.Response(404)
        return httpx.Response(200, content=self.objects[key].body, headers=dict(headers))

    def _issue(self, key: str, expires_in: int) -> tuple[str, datetime]:
        url = f"https://store.test/{key}?signature={next(self._serial)}"
        return url, self.clock().replace(microsecond=0) + timedelta(seconds=expires_in)

    def _answer(self, operation: str) -> None:
        self.calls[operation] += 1
        if self.down:
            raise StorageUnavailable("The object store is down.", retry_after=5)
