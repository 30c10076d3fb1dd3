"""`python -m tests.support.uploader URL FILE KEY`: one file in parts, by nothing but HTTP calls.

It keeps nothing on disk: started again, it learns by its Idempotency-Key which upload is its own,
and from `GET /files/{id}/parts` what is still to be sent. The token is in the variable TOKEN. It
prints the file's id and a line for each part stored. With `--vanish` it ends before `complete`.
Where the variable GATE names a file, only so many of the first parts are sent as stands in it.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

AT_ONCE = 16
URLS_AT_ONCE = 64
PATIENCE = 120.0
"""Seconds without any answer after which it gives up."""


class Api:
    """The service; a call that fails for a reason that passes is repeated."""

    def __init__(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
        self._http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=70)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._http.request(method, path, **options)
                if answer.status_code < 500:
                    return answer
            except httpx.TransportError:
                answer = None
            if time.monotonic() > deadline:
                raise SystemExit(f"no answer to {method} {path}: {answer}")
            time.sleep(0.1)


class Upload:
    """One file and its record."""

    def __init__(self, api: Api, file: Path, key: str) -> None:
        self._api = api
        self._file = os.open(file, os.O_RDONLY)
        self._store = httpx.Client(trust_env=False, timeout=60)
        self._record = self._create(file, key)
        self._path = f"/files/{self._record['id']}"
        say(self._record["id"])

    def _create(self, file: Path, key: str) -> dict[str, Any]:
        body = {"filename": file.name, "type": "video/mp4", "file_size": file.stat().st_size}
        answer = self._api.call(
            "POST",
            "/presigned-url",
            json=body | {"method": "multipart"},
            headers={"Idempotency-Key": key},
        )
        return dict(answer.raise_for_status().json())

    def send_all(self) -> None:
        """Until the store lacks no part."""
        while numbers := list(islice(self._missing(), URLS_AT_ONCE)):
            answer = self._api.call("POST", f"{self._path}/parts", json={"part_numbers": numbers})
            parts = answer.raise_for_status().json()["parts"]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                stored = sum(pool.map(self._send, parts))
            if not stored:
                time.sleep(0.1)

    def _missing(self) -> Iterator[int]:
        answer = self._api.call("GET", f"{self._path}/parts")
        for first, last in answer.raise_for_status().json()["missing"]:
            yield from range(first, last + 1)

    def _send(self, part: dict[str, Any]) -> bool:
        """Whether the store has it; what it has not is asked for and sent again."""
        wait_for_gate(part["part_number"])
        offset = (part["part_number"] - 1) * self._record["multipart"]["part_size"]
        content = os.pread(self._file, part["size"], offset)
        try:
            answer = self._store.put(part["url"], content=content)
        except httpx.TransportError:
            return False
        if answer.status_code == 200:
            say(f"part {part['part_number']}")
        return answer.status_code == 200

    def complete(self) -> bool:
        """Whether the file is `completed`."""
        if not self._api.call("POST", f"{self._path}/complete").is_success:
            return False
        body = {"id": self._record["id"], "status": "completed"}
        answer = self._api.call("PUT", "/file-status", json=body)
        return bool(answer.raise_for_status().json()["status"] == "completed")


def wait_for_gate(part_number: int) -> None:
    gate = os.environ.get("GATE")
    while gate and part_number > int(Path(gate).read_text() or 0):
        time.sleep(0.02)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(url: str, file: str, key: str, vanish: str = "") -> None:
    upload = Upload(Api(url), Path(file), key)
    upload.send_all()
    while not vanish and not upload.complete():
        upload.send_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
