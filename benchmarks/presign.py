"""`POST /presigned-url` against a bare handler and a naive one, in turns because machines drift."""

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.driver import Load, drive, http_request
from benchmarks.report import Outcome, at_least
from benchmarks.servers import Server, baseline, slipway
from benchmarks.stage import Stage

ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 16
BODY = {"filename": "cat.png", "type": "image/png", "file_size": 12345}

Sample = tuple[Load, float]
"""What the clients saw, and the CPU of the server in µs per request."""


def measure(stage: Stage) -> list[Outcome]:
    """Both targets of the throughput."""
    request = presign_request(stage)
    with ExitStack() as stack:
        servers = {
            "bare": stack.enter_context(baseline(stage, "bare")),
            "naive": stack.enter_context(baseline(stage, "naive")),
            "ours": stack.enter_context(slipway(stage)),
        }
        for server in servers.values():
            load(server, request, seconds=1.0)
        rounds = [
            {name: _sample(server, request) for name, server in servers.items()}
            for _ in range(ROUNDS)
        ]
    _print(rounds)
    return [
        at_least("POST /presigned-url, throughput / bare handler", _ratio(rounds, "bare"), 0.30),
        at_least("POST /presigned-url, throughput / naive handler", _ratio(rounds, "naive"), 3.5),
    ]


def presign_request(stage: Stage) -> str:
    """The same request for all three."""
    return http_request("POST", "/presigned-url", BODY, token=stage.token_for())


def load(server: Server, request: str, *, seconds: float) -> Load:
    """What 16 clients see that do nothing but ask."""
    return drive(server.port, request, seconds=seconds, connections=CONNECTIONS, status=201)


def _sample(server: Server, request: str) -> Sample:
    before = server.cpu()
    seen = load(server, request, seconds=SECONDS)
    return seen, (server.cpu() - before) / seen.requests * 1e6


def _ratio(rounds: Sequence[Mapping[str, Sample]], other: str) -> float:
    return statistics.median(turn["ours"][0].rate / turn[other][0].rate for turn in rounds)


def _print(rounds: Sequence[Mapping[str, Sample]]) -> None:
    print(f"\n{'POST /presigned-url':20}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'CPU µs':>8}")
    for name in rounds[0]:
        samples = [turn[name] for turn in rounds]
        rate, p50, p99, cpu = (
            statistics.median(values)
            for values in zip(*((s.rate, s.p50, s.p99, cpu) for s, cpu in samples), strict=True)
        )
        print(f"{name:20}{rate:8.0f}{p50:8.2f}{p99:8.2f}{cpu:8.0f}")
