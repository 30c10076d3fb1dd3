"""People at a real Chromium, pages of another origin, and the service with its real store.

Between the pages and the store lies `cable`: cut it, freeze it, let its answers get lost. What a
page writes to its console as an error, or throws, fails its test; one that provokes errors says
which with `console.allow`.
"""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from app.infrastructure.development import keep
from app.infrastructure.storage.client import client_config
from app.settings import Settings
from tests.browser.chromium import launched
from tests.browser.console import Console
from tests.browser.npm import Npm, NpmMissingError, installed
from tests.browser.people import Person
from tests.browser.site import Site, site_of
from tests.browser.store import StoreCable, settings_for, store_cable, store_port
from tests.e2e.running import Service, running
from tests.support.processes import DEADLINE
from tests.support.service import JWT_SECRET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serves tests/browser/pages, and whatever a test mounts, on an origin of its own."""
    with site_of() as site:
        yield site


@pytest.fixture(scope="session")
def cable() -> Iterator[StoreCable]:
    """What every byte between a page and the store passes through."""
    with store_cable() as cable:
        yield cable


@pytest.fixture(scope="session")
def service(
    site: Site, cable: StoreCable, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service with its worker and its embedded engines, for all tests together."""
    directory = tmp_path_factory.mktemp("browser")
    # As if the service had made it for itself, which is when the console offers a token.
    keep(directory / "data" / "jwt_secret", JWT_SECRET)
    with running(directory, **settings_for(site, cable)) as service:
        cable.lead_to(store_port(service))
        yield service


@pytest.fixture(scope="session")
def npm() -> Npm:
    """The packages of package-lock.json; skips without npm, but fails in CI."""
    try:
        return installed()
    except NpmMissingError as error:
        if os.environ.get("SLIPWAY_CI") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bundle(
    npm: Npm, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path, str], str]:
    """Bundles a script with the packages that it imports; gives the URL of the module."""

    def bundled(script: Path, name: str) -> str:
        made = npm.bundle(script, tmp_path_factory.mktemp(name))
        return f"{site.mount(name, made.parent)}/{made.name}"

    return bundled


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A profile of its own, gone after the test; its waits end after DEADLINE."""
    context = await browser.new_context()
    context.set_default_timeout(DEADLINE * 1000)
    yield context
    await context.close()


@pytest.fixture
def console(context: BrowserContext) -> Iterator[Console]:
    """What the pages of `context` complained about; fails the test unless it was allowed."""
    console = Console(context)
    yield console
    console.check()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, console: Console) -> Page:
    return await context.new_page()


@pytest.fixture
def person(service: Service, cable: StoreCable) -> Iterator[Person]:
    """Somebody with a token and no files yet."""
    with Person.at(service) as person:
        yield person
    cable.restore()


@pytest.fixture
def store(service: Service) -> Iterator["S3Client"]:
    """The embedded store, behind the service's back."""
    (config,) = service.data_dir.rglob("s3.json")
    keys = json.loads(config.read_text())["identities"][0]["credentials"][0]
    settings = Settings(_env_file=None, s3_provider="seaweedfs")
    s3 = boto3.Session(keys["accessKey"], keys["secretKey"]).client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{store_port(service)}",
        region_name="us-east-1",
        config=client_config(settings),
    )
    yield s3
    s3.close()
