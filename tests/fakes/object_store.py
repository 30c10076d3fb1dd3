"""An in-memory twin of the object store that verifies as the real one does, for service tests.

It is held to the same contract suite as the adapter. Clients reach it through `send`, which takes
a signed request as it was handed out, or with other headers, fields or bytes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import httpx

from app.domain.file import UploadMethod
from app.domain.ports import ListedObject, ObservedObject, SignedRequest, UploadSpec
from tests.fakes.bucket import CAPABILITIES, StoredObject
from tests.fakes.multipart import InMemoryMultipart
from tests.support.checksums import checksum_of

__all__ = ["CAPABILITIES", "InMemoryObjectStore", "StoredObject"]


class InMemoryObjectStore(InMemoryMultipart):
    """A URL is only good for the request that it was handed out for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._uploads: dict[str, tuple[SignedRequest, UploadSpec]] = {}
        self._downloads: dict[str, tuple[SignedRequest, str, Mapping[str, str]]] = {}

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
        self._asked("head")
        found = self.objects.get(key)
        if found is None:
            return None
        checksums = {found.checksum.algorithm: found.checksum.value} if found.checksum else {}
        return ObservedObject(
            size=len(found.body), type=found.type, etag=found.etag, checksums=checksums
        )

    async def delete(self, key: str) -> None:
        self._asked("delete")
        self.objects.pop(key, None)
        self._answered("delete")

    async def list_objects(self, prefix: str) -> AsyncIterator[Sequence[ListedObject]]:
        found = [
            item
            for item in sorted(self.objects.items(), key=itemgetter(0))
            if item[0].startswith(prefix)
        ]
        for start in range(0, len(found), self.page_size):
            self._asked("list_objects_v2")
            yield [
                ListedObject(key=k, size=len(o.body), etag=o.etag, last_modified=o.stored_at)
                for k, o in found[start : start + self.page_size]
            ]

    async def ping(self) -> None:
        self._asked("ping")

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
        if signed.method == "PUT" and signed.url in self._part_urls:
            return await self.send_part(signed.url, body)
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
        if not (0 if spec.size_is_limit else spec.size) <= len(body) <= spec.size:
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
