"""Chromium at an empty page of the service's own origin, and the memory that the page takes."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PATIENCE = 1_800_000
"""Milliseconds: five gigabytes over a slow line."""


@contextmanager
def page_at(url: str) -> Iterator[Page]:
    """A page of the service at `url`, with an input for files."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{url}/client/slipway.js")
        page.evaluate("document.body.innerHTML = '<input type=file>'")
        yield page
        browser.close()


@contextmanager
def watched() -> Iterator[list[float]]:
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
