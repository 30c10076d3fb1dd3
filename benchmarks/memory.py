"""Memory of one worker over 100,000 requests."""

from benchmarks.presign import load, presign_request
from benchmarks.report import Outcome, at_most
from benchmarks.servers import Server, slipway
from benchmarks.stage import Stage

FIRST = 10_000
LAST = 100_000
SLICE = 2.0
"""Seconds of load between two counts."""


def measure(stage: Stage) -> list[Outcome]:
    """Resident memory at the end against that after the first 10,000 requests."""
    request = presign_request(stage)
    with slipway(stage) as server:
        sent = _send(server, request, FIRST)
        first = server.resident()
        sent += _send(server, request, LAST - sent)
        last = server.resident()
    mebibyte = 1024 * 1024
    print(f"\nMemory: {first / mebibyte:.1f} MiB, after {sent} requests {last / mebibyte:.1f} MiB")
    return [at_most(f"Memory after {LAST:,} requests / after {FIRST:,}", last / first, 1.05)]


def _send(server: Server, request: str, wanted: int) -> int:
    """Send at least `wanted` requests; how many it were."""
    sent = 0
    while sent < wanted:
        sent += load(server, request, seconds=SLICE).requests
    return sent
