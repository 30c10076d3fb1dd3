"""Starts the load generator as a process of its own, and reads what it found."""

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.servers import ROOT, child_environment

TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """Answers to `requests`, `rate` a second; latencies in milliseconds."""

    requests: int
    rate: float
    p50: float
    p99: float


def drive(
    port: int, *requests: str, seconds: float = 0, connections: int, status: int = 200
) -> Load:
    """Send the next of `requests` on every connection as soon as the last answer is there.

    Over and over for `seconds`, or each once. Raises RuntimeError when an answer is no `status`.
    """
    arguments = (port, seconds, connections, status)
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *map(str, arguments)],
        input=json.dumps(requests),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=child_environment({}),
        timeout=seconds + TIMEOUT,
        check=True,
    )
    count, rate, p50, p99, failures = found.stdout.split()
    if int(failures):
        raise RuntimeError(f"{int(failures)} of {int(count)} answers were no {status}")
    return Load(int(count), float(rate), float(p50), float(p99))


def http_request(method: str, path: str, body: object, *, token: str) -> str:
    """An HTTP/1.1 request with `body` as JSON."""
    content = json.dumps(body)
    head = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    )
    return "\r\n".join((*head, "", content))
