"""`PUT /file-status` for files whose bytes have arrived, against the one HEAD that it makes."""

import statistics
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from benchmarks.client import Client
from benchmarks.report import Outcome, at_most
from benchmarks.servers import Server, child_environment, service_environment, slipway
from benchmarks.stage import Stage

ROUNDS = 5
FILES = 200
CONTENT = b"hello"

Sample = tuple[float, float, float]
"""Median latency in ms, CPU of a call and of a HEAD in µs."""


def measure(stage: Stage) -> list[Outcome]:
    """What a call costs the service besides its HEAD."""
    with slipway(stage) as server, Client(server.port, stage.token_for()) as client:
        samples = [_sample(stage, server, client) for _ in range(ROUNDS)]
    latency, call, head = (statistics.median(values) for values in zip(*samples, strict=True))
    rest = statistics.median(call - head for _, call, head in samples)
    print(f"\nPUT /file-status: p50 {latency:.2f} ms, CPU {call:.0f} µs, of its HEAD {head:.0f} µs")
    return [at_most("PUT /file-status, CPU besides its HEAD", rest / 1000, 1.0, "ms")]


def _sample(stage: Stage, server: Server, client: Client) -> Sample:
    files = _uploaded(client)
    before = server.cpu()
    latencies = [
        client.timed("PUT", "/file-status", {"id": file["id"], "status": "uploaded"})
        for file in files
    ]
    call = (server.cpu() - before) / FILES * 1e6
    return statistics.median(latencies), call, _head_cpu(stage, [file["key"] for file in files])


def _uploaded(client: Client) -> list[dict[str, Any]]:
    """New records whose bytes are in the store."""
    wish = {"filename": "hello.txt", "type": "text/plain", "file_size": len(CONTENT)}
    files: list[dict[str, Any]] = client.call("POST", "/presigned-urls", {"files": [wish] * FILES})[
        "items"
    ]
    with Client(urlsplit(files[0]["url"]).port or 80) as store:
        for file in files:
            url = urlsplit(file["url"])
            store.send("PUT", f"{url.path}?{url.query}", CONTENT, file["headers"])
    return files


def _head_cpu(stage: Stage, keys: list[str]) -> float:
    """CPU of the service's own HEAD in a process of its own, µs."""
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
