"""A large file to the embedded store and back: `python -m app` against `aws s3 cp`.

2 GiB three times, or BENCH_UPLOAD_MIB and BENCH_UPLOAD_ROUNDS; each by its defaults, in turns.
What comes back must have the SHA-256 of what was sent.
"""

import hashlib
import json
import os
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import Run, aws_s3, slipway_client
from benchmarks.report import Outcome, at_least, at_most
from benchmarks.servers import slipway
from benchmarks.stage import Stage

MIB = 1024**2
SIZE = int(os.environ.get("BENCH_UPLOAD_MIB", "2048"))
"""MiB."""
ROUNDS = int(os.environ.get("BENCH_UPLOAD_ROUNDS", "3"))
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Client:
    """`upload` gives a name for what it stored, by which `download` finds it."""

    name: str
    upload: Callable[[Path], tuple[str, Run]]
    download: Callable[[str, Path], Run]
    remove: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Pair:
    """What one client took to send and to fetch."""

    up: Run
    down: Run


def measure(stage: Stage) -> list[Outcome]:
    file = stage.directory / "film"
    digest = _write(file)
    with slipway(stage) as server:
        ours = _slipway(stage, f"http://127.0.0.1:{server.port}")
        theirs = _aws(stage)
        pairs: dict[str, list[Pair]] = {ours.name: [], theirs.name: []}
        for number in range(ROUNDS):
            for client in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                pairs[client.name].append(_round(client, file, digest))
    _print(pairs)
    return _outcomes(pairs[ours.name], pairs[theirs.name])


def _round(client: Client, file: Path, digest: str) -> Pair:
    stored, up = client.upload(file)
    back = file.with_suffix(".back")
    down = client.download(stored, back)
    if _digest(back) != digest:
        raise RuntimeError(f"{client.name} gave back other bytes")
    back.unlink()
    client.remove(stored)
    return Pair(up, down)


def _slipway(stage: Stage, url: str) -> Client:
    def upload(file: Path) -> tuple[str, Run]:
        run = slipway_client(stage, url, "upload", str(file), "--quiet", "--json")
        return str(json.loads(run.output)["id"]), run

    def download(stored: str, to: Path) -> Run:
        return slipway_client(stage, url, "download", stored, "-o", str(to))

    def remove(stored: str) -> None:
        slipway_client(stage, url, "rm", "--yes", stored)

    return Client("python -m app", upload, download, remove)


def _aws(stage: Stage) -> Client:
    place = f"s3://{stage.settings.s3_bucket}/aws"

    def upload(file: Path) -> tuple[str, Run]:
        return place, aws_s3(stage, "cp", str(file), place)

    def download(stored: str, to: Path) -> Run:
        return aws_s3(stage, "cp", stored, str(to))

    def remove(stored: str) -> None:
        aws_s3(stage, "rm", stored)

    return Client("aws s3 cp", upload, download, remove)


def _outcomes(ours: Sequence[Pair], theirs: Sequence[Pair]) -> list[Outcome]:
    ratio = _median([pair.up for pair in theirs]) / _median([pair.up for pair in ours])
    peak = max(pair.up.peak for pair in ours) / MEGABYTE
    return [
        at_least("Upload: time of aws s3 cp / ours", ratio, 1.3),
        at_most("Upload: resident memory, at most", peak, 120, "MB"),
    ]


def _print(pairs: dict[str, list[Pair]]) -> None:
    print(f"\n{SIZE} MiB, seconds of each round, most resident memory, SHA-256 read back,")
    print("and seconds of a processor for a GiB: those of the client, and of the store meanwhile")
    for name, rounds in pairs.items():
        for way, runs in (("up", [p.up for p in rounds]), ("down", [p.down for p in rounds])):
            times = "  ".join(f"{run.seconds:6.2f}" for run in runs)
            peak = max(run.peak for run in runs) / MEGABYTE
            busy = "  ".join(f"{each:5.2f}" for each in _busy(runs))
            print(f"{name:14} {way:5} {times}  median {_median(runs):6.2f}  {peak:5.1f} MB  {busy}")
    ours, theirs = pairs.values()
    ratio = _median([pair.down for pair in theirs]) / _median([pair.down for pair in ours])
    print(f"Down, for information: time of aws s3 cp / ours {ratio:.2f}")


def _busy(runs: Sequence[Run]) -> tuple[float, float]:
    """Medians, for a GiB."""
    part = SIZE / 1024
    client, store = ([run.busy for run in runs], [run.store_busy for run in runs])
    return statistics.median(client) / part, statistics.median(store) / part


def _median(runs: Sequence[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def _write(file: Path) -> str:
    """Random bytes, no two MiB alike; their SHA-256."""
    block, digest = bytearray(random.Random(1).randbytes(MIB)), hashlib.sha256()
    with file.open("wb") as opened:
        for number in range(SIZE):
            block[:8] = number.to_bytes(8, "big")
            opened.write(block)
            digest.update(block)
    return digest.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
