"""Pages with Uppy, call by call as its two versions make them.

https://github.com/transloadit/uppy, packages/@uppy/aws-s3: 5.1.0 `lib/index.js` with
companion-client, and 6.3.1 `lib/s3-client/CompanionS3.js`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx

Part = dict[str, Any]


@dataclass
class UppyPage:
    """What both versions do with a file, on the wire at `base`."""

    api: httpx.AsyncClient
    base: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.api.request(method, f"{self.base}{path}", headers=headers, **options)

    def key_of(self, key: str) -> str:
        raise NotImplementedError

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.call("POST", path, json=body)

    async def params(self, name: str, type: str, **meta: Any) -> httpx.Response:
        raise NotImplementedError

    async def begin(self, name: str, type: str, **meta: Any) -> httpx.Response:
        metadata = {"name": name, "type": type, "relativePath": None, **meta}
        said = {k: v for k, v in metadata.items() if self.sends(v)}
        return await self.post("/s3/multipart", {"filename": name, "type": type, "metadata": said})

    def sends(self, value: object) -> bool:
        return True

    async def on(
        self, begun: Mapping[str, str], rest: str = "", method: str = "GET", **options: Any
    ) -> httpx.Response:
        upload, key = quote(begun["uploadId"], safe=""), self.key_of(begun["key"])
        return await self.call(method, f"/s3/multipart/{upload}{rest}?{key}", **options)

    async def send(self, begun: Mapping[str, str], number: int, body: bytes) -> Part:
        """Sign and PUT one part, without any header of ours."""
        signed = await self.on(begun, f"/{number}")
        assert signed.status_code == 200, signed.text
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as store:
            answer = await store.put(signed.json()["url"], content=body)
        assert answer.status_code == 200, answer.text
        return {"PartNumber": number, "ETag": answer.headers["etag"]}

    async def complete(self, begun: Mapping[str, str], parts: Sequence[Part]) -> httpx.Response:
        return await self.on(begun, "/complete", "POST", json={"parts": parts})


class Uppy5(UppyPage):
    """Configured with `endpoint`, whose trailing slash it strips, and `headers`."""

    def key_of(self, key: str) -> str:
        return f"key={quote(key, safe='')}"

    def sends(self, value: object) -> bool:
        return value is not None

    async def params(self, name: str, type: str, **meta: Any) -> httpx.Response:
        metadata = {"name": name, "type": type, "relativePath": None, **meta}
        said = {f"metadata[{k}]": str(v) for k, v in metadata.items() if v is not None}
        query = urlencode({"filename": name, "type": type, **said})
        return await self.call("GET", f"/s3/params?{query}", headers={"Accept": "application/json"})


class Uppy6(UppyPage):
    """Configured with `companionEndpoint`; it sends no header, and writes `null` into queries."""

    def key_of(self, key: str) -> str:
        return urlencode({"key": key})

    async def params(self, name: str, type: str, **meta: Any) -> httpx.Response:
        metadata = {"name": name, "type": type, "relativePath": None, **meta}
        said = {f"metadata[{k}]": _string(v) for k, v in metadata.items()}
        query = urlencode({"filename": name, "type": type, **said})
        return await self.call("GET", f"/s3/params?{query}")


def _string(value: object) -> str:
    """JavaScript's String(value)."""
    return "null" if value is None else str(value)


async def send_form(params: Mapping[str, Any], body: bytes) -> httpx.Response:
    """The form with all its fields, the file after them."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as store:
        return await store.post(params["url"], data=params["fields"], files={"file": ("any", body)})
