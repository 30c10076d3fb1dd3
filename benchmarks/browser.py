"""A file from disk through Chromium to the embedded store, over a line that is 20 ms long.

By the browser client and by Uppy 5 and 6: 1 GiB three times each in turns, or BENCH_BROWSER_MIB
and BENCH_BROWSER_ROUNDS. Then 5 GiB, or BENCH_BROWSER_BIG_MIB, by the client alone.
"""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.chromium import page_at, watched
from benchmarks.link import delayed
from benchmarks.report import Outcome, at_least, at_most
from benchmarks.servers import slipway
from benchmarks.stage import Stage
from benchmarks.uploaders import Uploader, client, uppy_5, uppy_6
from tests.browser.npm import installed

MIB = 1024**2
SIZE = int(os.environ.get("BENCH_BROWSER_MIB", "1024"))
"""MiB."""
BIG = int(os.environ.get("BENCH_BROWSER_BIG_MIB", "5120"))
ROUNDS = int(os.environ.get("BENCH_BROWSER_ROUNDS", "3"))
LATENCY = 0.020
"""Seconds, each way, to the service and to the store."""
MEMORY = 200
"""MB."""


@dataclass(frozen=True, slots=True)
class Run:
    """MB/s, and the most MB that the page's process held of its own."""

    rate: float
    memory: float


def measure(stage: Stage) -> list[Outcome]:
    npm = installed()
    ours, fifth, sixth = uploaders = (client(stage), uppy_5(stage, npm), uppy_6(stage, npm))
    file = _written(stage.directory / "film.mp4", SIZE)
    runs: dict[str, list[Run]] = {uploader.name: [] for uploader in uploaders}
    for number in range(ROUNDS):
        for uploader in uploaders if number % 2 == 0 else uploaders[::-1]:
            runs[uploader.name].append(_uploaded(stage, file, uploader))
    big = _uploaded(stage, _written(file, BIG), ours)
    _print(runs, big)
    rates = {name: statistics.median(run.rate for run in made) for name, made in runs.items()}
    return [
        at_least("browser: client / Uppy 6", rates[ours.name] / rates[sixth.name], 2.0),
        at_least("browser: client / Uppy 5", rates[ours.name] / rates[fifth.name], 1.0),
        at_most("browser: memory of the page", _peak(runs[ours.name]), MEMORY, "MB"),
        at_most(f"browser: the same at {BIG} MiB", big.memory, MEMORY, "MB"),
    ]


def _uploaded(stage: Stage, file: Path, uploader: Uploader) -> Run:
    store = urlsplit(stage.settings.s3_endpoint_url or "").port or 0
    with (
        delayed(store, 2 * LATENCY) as store_port,
        slipway(stage, S3_PUBLIC_ENDPOINT_URL=f"http://127.0.0.1:{store_port}") as server,
        delayed(server.port, 2 * LATENCY) as port,
    ):
        return _sent(f"http://127.0.0.1:{port}", file, uploader)


def _sent(url: str, file: Path, uploader: Uploader) -> Run:
    with page_at(url) as page:
        given = uploader.given(url)
        page.set_input_files("input", file)
        with watched() as peak:
            begun = time.monotonic()
            page.evaluate(uploader.script, given)
            seconds = time.monotonic() - begun
    return Run(file.stat().st_size / 1e6 / seconds, peak[0])


def _peak(runs: Sequence[Run]) -> float:
    return max(run.memory for run in runs)


def _print(runs: dict[str, list[Run]], big: Run) -> None:
    print(f"\n{SIZE} MiB over a line of {LATENCY * 1000:.0f} ms each way, {ROUNDS} times:")
    for name, made in runs.items():
        rates = ", ".join(f"{run.rate:.0f}" for run in made)
        print(f"  {name:8} {rates} MB/s; at most {_peak(made):.0f} MB of page memory")
    print(f"{BIG} MiB by the client: {big.rate:.0f} MB/s, {big.memory:.0f} MB of page memory")


def _written(file: Path, mebibytes: int) -> Path:
    with file.open("wb") as out:
        for _ in range(mebibytes):
            out.write(os.urandom(MIB))
    return file
