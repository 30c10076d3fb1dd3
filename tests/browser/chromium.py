"""The Chromium that is installed, without a window."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

FLAGS = (
    "--no-sandbox",  # which root has not
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A running browser; skips the test where none is installed, and fails it in CI."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_program(), headless=True, args=list(FLAGS), timeout=180_000
        )
        yield browser
        await browser.close()


def _program() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "needs Chromium: apt-get install chromium"
        if os.environ.get("SLIPWAY_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
