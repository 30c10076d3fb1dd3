"""The page that uploads by Uppy, and what its two living versions take."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.async_api import Page, Request

from tests.browser.people import Person
from tests.browser.site import Site
from tests.browser.store import StoreCable
from tests.support.processes import DEADLINE

HERE = Path(__file__).parent
Bundle = Callable[[Path, str], str]
"""Of a script and a name: the URL of the module."""


@dataclass(frozen=True, slots=True)
class Version:
    """One of the versions of Uppy, and how its uploader is told where the service is."""

    name: str
    option: str

    def uploader(self, person: Person, **limits: Any) -> dict[str, Any]:
        """Options of the uploader; with limits, or where no header can be set, by upload token."""
        if self.option == "endpoint" and not limits:
            headers = {"Authorization": f"Bearer {person.token}"}
            return {self.option: f"{person.service_url}/uppy", "headers": headers}
        token = person.http.post("/upload-tokens", json=limits).raise_for_status().json()
        return {self.option: f"{person.service_url}/uppy/t/{token['token']}"}


UPPY_5 = Version("uppy5", "endpoint")
UPPY_6 = Version("uppy6", "companionEndpoint")


@dataclass
class UppyPage:
    """A page open at Uppy, and what it sent to the store since it was loaded."""

    page: Page
    cable: StoreCable
    puts: list[str]

    @classmethod
    async def opened(
        cls,
        page: Page,
        site: Site,
        cable: StoreCable,
        module: str,
        uploader: dict[str, Any],
        **asked: Any,
    ) -> "UppyPage":
        """`asked`: `restrictions` of Uppy's, and whether the page `declares` sizes."""
        opened = cls(page, cable, [])
        page.on("request", opened._noted)
        given = {"module": module, "uploader": uploader, "restrictions": {}, **asked}
        await page.goto(f"{site.url}/uppy.html?{urlencode({'asked': json.dumps(given)})}")
        await opened.is_ready()
        return opened

    async def is_ready(self) -> None:
        await self.page.wait_for_selector("html[data-ready]", state="attached")

    async def begin(self, *paths: Path) -> None:
        """Choose the files and upload each."""
        await self.page.set_input_files("#files", paths)
        await self.page.evaluate("begin()")

    async def outcome(self) -> dict[str, Any]:
        """What Uppy says when all is over: who is `successful`, and who `failed` why."""
        async with asyncio.timeout(DEADLINE):
            return dict(await self.page.evaluate("outcome()"))

    async def arrived(self) -> None:
        """Until Uppy says that all is there."""
        outcome = await self.outcome()
        assert outcome["failed"] == [], outcome
        assert outcome["successful"], outcome

    async def told(self, words: str) -> None:
        """Until the person can read the words."""
        await self.page.wait_for_selector(f"#told >> text={words}")

    async def do(self, action: str) -> None:
        await self.page.evaluate(f"void uppy.{action}()")

    async def keeps(self, *words: str) -> None:
        """Until Golden Retriever has written all of it down."""
        async with asyncio.timeout(DEADLINE):
            kept = ""
            while not all(word in kept for word in words):
                kept = await self.page.evaluate("kept()")

    async def restored(self) -> None:
        """Reload, and go on with what Golden Retriever brings back."""
        self.puts.clear()
        await self.page.reload()
        await self.page.wait_for_selector("html[data-restored]", state="attached")

    @property
    def sent_parts(self) -> list[int]:
        """Their numbers, in the order in which their PUTs began."""
        return [int(parse_qs(urlsplit(url).query)["partNumber"][0]) for url in self.puts]

    def _noted(self, request: Request) -> None:
        if request.method == "PUT" and request.url.startswith(self.cable.url):
            self.puts.append(request.url)
