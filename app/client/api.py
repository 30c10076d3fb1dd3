"""The service's calls, typed.

Each raises `Refused` with the `code` of docs/upload-guide.md, `Unreachable` or `Unintelligible`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from app.client.answers import DownloadUrl, File, FilePage, HeldParts, PartUrls
from app.client.errors import Refused
from app.client.transport import Transport

T = TypeVar("T")


class Api:
    """What a client asks of one service with one token. Safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.url = transport.url

    def create(self, wish: Mapping[str, Any], key: str) -> File:
        """Ask to upload; `wish` is the body of POST /presigned-url, `key` its Idempotency-Key."""
        return self._read(File.of, "POST", "/presigned-url", wish, headers=_idempotent(key))

    def create_many(self, wishes: Sequence[Mapping[str, Any]], key: str) -> list[File]:
        """All or none, up to 1,000, in order."""
        return self._read(
            _files, "POST", "/presigned-urls", {"files": wishes}, headers=_idempotent(key)
        )

    def report(self, id: str, status: str, reason: str | None = None) -> File:
        """Say that the bytes were sent (`uploaded`), or that they never will be (`failed`)."""
        body = {"id": id, "status": status, **({"reason": reason} if reason else {})}
        return self._read(File.of, "PUT", "/file-status", body)

    def uploaded(self, ids: Sequence[str]) -> list[File | Refused]:
        """Say so of up to 1,000 different files; the outcome of each, in order."""
        body = {"items": [{"id": file_id, "status": "uploaded"} for file_id in ids]}
        return self._read(partial(_outcomes, ids), "PUT", "/file-statuses", body)

    def part_urls(self, id: str, numbers: Sequence[int]) -> PartUrls:
        """A URL for each of these parts, up to 10,000."""
        return self._read(PartUrls.of, "POST", f"/files/{id}/parts", {"part_numbers": numbers})

    def held_parts(self, id: str) -> HeldParts:
        """What has arrived of an upload in parts."""
        return self._read(HeldParts.of, "GET", f"/files/{id}/parts")

    def complete(self, id: str) -> File:
        """Have the parts put together and verified."""
        return self._read(File.of, "POST", f"/files/{id}/complete")

    def abort(self, id: str) -> File:
        """Give up an upload in parts."""
        return self._read(File.of, "POST", f"/files/{id}/abort")

    def file(self, id: str) -> File:
        return self._read(File.of, "GET", f"/files/{id}")

    def page(
        self,
        *,
        status: str | None = None,
        policy: str | None = None,
        limit: int = 200,
        cursor: str | None = None,
    ) -> FilePage:
        """One page of the caller's files; `limit` is 200 at most."""
        given = {"status": status, "policy": policy, "limit": str(limit), "cursor": cursor}
        query = {name: value for name, value in given.items() if value is not None}
        return self._read(FilePage.of, "GET", "/files", query=query)

    def download_url(self, id: str) -> DownloadUrl:
        return self._read(DownloadUrl.of, "POST", f"/files/{id}/download-url")

    def delete(self, id: str) -> None:
        self._transport.call("DELETE", f"/files/{id}")

    def _read(
        self, model: Callable[[Any], T], method: str, path: str, *args: Any, **more: Any
    ) -> T:
        content = self._transport.call(method, path, *args, **more)
        try:
            return model(content)
        except (KeyError, TypeError, ValueError, AttributeError):
            self._transport.misunderstood(f"an answer to {method} {path} without what it must hold")


def _files(body: Any) -> list[File]:
    return [File.of(item) for item in body["items"]]


def _outcomes(ids: Sequence[str], body: Any) -> list[File | Refused]:
    items = body["items"]
    if [item["id"] for item in items] != list(ids):
        raise ValueError("outcomes of other files")
    return [_outcome(item["file"], item["problem"]) for item in items]


def _outcome(file: Any, problem: Any) -> File | Refused:
    return File.of(file) if problem is None else Refused(int(problem["status"]), problem)


def _idempotent(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}
