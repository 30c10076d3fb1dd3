"""Starts the load generator as a process of its own, and reads what it found."""

import subprocess
import sys
from dataclasses import dataclass

from benchmarks.servers import ROOT, child_environment


@dataclass(frozen=True, slots=True)
class Load:
    """Answers to `requests`, `rate` a second; latencies in milliseconds."""

    requests: int
    rate: float
    p50: float
    p99: float


def drive(port: int, request: bytes, *, seconds: float, connections: int) -> Load:
    """Send `request` on every connection as soon as the last answer is there.

    Raises RuntimeError when an answer is not a 201.
    """
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port), str(seconds), str(connections), "201"],
        input=request,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=child_environment({}),
        timeout=seconds + 60,
        check=True,
    )
    requests, rate, p50, p99, failures = found.stdout.split()
    if int(failures):
        raise RuntimeError(f"{int(failures)} of {int(requests)} answers were no 201")
    return Load(int(requests), float(rate), float(p50), float(p99))


def http_request(method: str, path: str, body: bytes, *, token: str) -> bytes:
    """An HTTP/1.1 request as bytes."""
    head = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(head).encode() + body
