"""A file from disk through Chromium to the embedded store, over a line of 20 ms.

By the browser client, and by a loop that sends one part at a time, as some libraries do; 1 GiB
three times each in turns, or BENCH_BROWSER_MIB and BENCH_BROWSER_ROUNDS.
"""

import os
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.link import delayed
from benchmarks.report import Outcome, at_least, at_most
from benchmarks.servers import slipway
from benchmarks.stage import Stage

MIB = 1024**2
SIZE = int(os.environ.get("BENCH_BROWSER_MIB", "1024")) * MIB
ROUNDS = int(os.environ.get("BENCH_BROWSER_ROUNDS", "3"))
ROUND_TRIP = 0.020
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

OURS = """async (token) => {
  const { Slipway } = await import("/client/slipway.js");
  const slipway = new Slipway({ baseUrl: location.origin, token });
  await slipway.upload(document.querySelector("input").files[0]);
}"""

ONE_AT_A_TIME = """async (token) => {
  const file = document.querySelector("input").files[0];
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const call = async (path, body) => {
    const options = { method: "POST", headers, body: JSON.stringify(body) };
    return (await fetch(path, options)).json();
  };
  const wish = { filename: file.name, type: "video/mp4", file_size: file.size };
  const { id, multipart } = await call("/presigned-url", { ...wish, method: "multipart" });
  for (let number = 1; number <= multipart.part_count; number++) {
    const { parts } = await call(`/files/${id}/parts`, { part_numbers: [number] });
    const start = (number - 1) * multipart.part_size;
    const body = file.slice(start, start + parts[0].size);
    const stored = await fetch(parts[0].url, { method: "PUT", body });
    if (!stored.ok) throw new Error(`part ${number}: ${stored.status}`);
  }
  await call(`/files/${id}/complete`);
}"""


def measure(stage: Stage) -> list[Outcome]:
    file = _written(stage.directory / "film.mp4")
    rates: dict[str, list[float]] = {OURS: [], ONE_AT_A_TIME: []}
    peaks: list[float] = []
    for number in range(ROUNDS):
        for script in (OURS, ONE_AT_A_TIME) if number % 2 == 0 else (ONE_AT_A_TIME, OURS):
            rate, peak = _uploaded(stage, file, script)
            rates[script].append(rate)
            if script is OURS:
                peaks.append(peak)
    ours, single = (statistics.median(rates[script]) for script in (OURS, ONE_AT_A_TIME))
    print(f"\n{SIZE // MIB} MiB over {ROUND_TRIP * 1000:.0f} ms, median of {ROUNDS}:")
    print(f"  client {ours:.0f} MB/s, one part at a time {single:.0f} MB/s")
    return [
        at_least("browser: client / one part at a time", ours / single, 1.0),
        at_most("browser: memory of the page", max(peaks), 200, "MB"),
    ]


def _uploaded(stage: Stage, file: Path, script: str) -> tuple[float, float]:
    """MB/s, and MB at most that the page's process held of its own."""
    store = urlsplit(stage.settings.s3_endpoint_url or "").port or 0
    with delayed(store, ROUND_TRIP) as port:
        public = f"http://127.0.0.1:{port}"
        with slipway(stage, S3_PUBLIC_ENDPOINT_URL=public) as server, _page(server.port) as page:
            page.set_input_files("input", file)
            with _watched() as peak:
                begun = time.monotonic()
                page.evaluate(script, stage.token_for())
                seconds = time.monotonic() - begun
    return SIZE / 1e6 / seconds, peak[0]


@contextmanager
def _page(port: int) -> Iterator[Page]:
    """An empty page of the service's own origin, with an input for files."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/client/slipway.js")
        page.evaluate("document.body.innerHTML = '<input type=file>'")
        yield page
        browser.close()


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The largest unshared memory (USS) of a page's process among our children, in MB."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            peak[0] = max(peak[0], *(_unshared(process) for process in _renderers()), 0.0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _renderers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "--type=renderer" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def _unshared(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().uss) / 1e6
    except psutil.Error:
        return 0.0


def _written(file: Path) -> Path:
    with file.open("wb") as out:
        for _ in range(SIZE // MIB):
            out.write(os.urandom(MIB))
    return file
