"""`PUT /file-status` for files whose bytes have arrived, against the one HEAD that it makes."""

import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from benchmarks.client import Client
from benchmarks.driver import Load, drive, http_request
from benchmarks.head import AT_ONCE
from benchmarks.report import Outcome, at_most
from benchmarks.servers import Server, child_environment, service_environment, slipway
from benchmarks.stage import Stage

ROUNDS = 5
FILES = 200
CONTENT = b"hello"

Sample = tuple[float, float, float]
"""Median latency in ms, CPU of a call and of a HEAD in µs."""


def measure(stage: Stage) -> list[Outcome]:
    """What a call costs the service besides its HEAD, which the service's own adapter makes."""
    with slipway(stage) as server:
        _report(server, stage.token_for(), _uploaded(server, stage.token_for()))  # warm up
        samples = [_sample(stage, server) for _ in range(ROUNDS)]
        with _webhook(server, stage.token_for()):
            told = [_sample(stage, server) for _ in range(ROUNDS)]
    latency, call, head = _medians(samples)
    rest = statistics.median(call - head for _, call, head in samples)
    print(f"\nPUT /file-status: p50 {latency:.2f} ms, CPU {call:.0f} µs, of its HEAD {head:.0f} µs")
    latency, call, head = _medians(told)
    print(f"with a webhook:   p50 {latency:.2f} ms, CPU {call:.0f} µs, of its HEAD {head:.0f} µs")
    return [at_most("PUT /file-status, CPU besides its HEAD", rest / 1000, 1.0, "ms")]


@contextmanager
def _webhook(server: Server, token: str) -> Iterator[None]:
    """One that wants to be told everything; there is no worker that would."""
    with Client(server.port, token) as client:
        made = client.call("POST", "/webhooks", {"url": "https://example.invalid/hook"})
    yield
    with Client(server.port, token) as client:
        client.send("DELETE", f"/webhooks/{made['id']}", b"", {})


def _medians(samples: Sequence[Sample]) -> Sequence[float]:
    return [statistics.median(values) for values in zip(*samples, strict=True)]


def _sample(stage: Stage, server: Server) -> Sample:
    token = stage.token_for()
    files = _uploaded(server, token)
    before = server.cpu()
    seen = _report(server, token, files)
    call = (server.cpu() - before) / FILES * 1e6
    return seen.p50, call, _head_cpu(stage, [file["key"] for file in files])


def _uploaded(server: Server, token: str) -> list[dict[str, Any]]:
    """New records whose bytes are in the store."""
    wish = {"filename": "hello.txt", "type": "text/plain", "file_size": len(CONTENT)}
    with Client(server.port, token) as client:
        answer = client.call("POST", "/presigned-urls", {"files": [wish] * FILES})
    files: list[dict[str, Any]] = answer["items"]
    with Client(urlsplit(files[0]["url"]).port or 80) as store:
        for file in files:
            url = urlsplit(file["url"])
            store.send("PUT", f"{url.path}?{url.query}", CONTENT, file["headers"])
    return files


def _report(server: Server, token: str, files: Sequence[dict[str, Any]]) -> Load:
    """Say of every file that it is uploaded."""
    requests = [
        http_request("PUT", "/file-status", {"id": file["id"], "status": "uploaded"}, token=token)
        for file in files
    ]
    return drive(server.port, *requests, connections=AT_ONCE)


def _head_cpu(stage: Stage, keys: list[str]) -> float:
    """CPU of one HEAD in a process of its own, µs."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.head"],
        input="\n".join(keys).encode(),
        stdout=subprocess.PIPE,
        cwd=stage.directory,
        env=child_environment(service_environment(stage)),
        timeout=120,
        check=True,
    )
    return float(found.stdout)
