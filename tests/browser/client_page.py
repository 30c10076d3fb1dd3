"""The page that uploads by the browser client."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Page, Request

from tests.browser.people import Person
from tests.browser.site import Site
from tests.browser.store import StoreCable

CLIENT = Path(__file__).parents[2] / "clients" / "js"


@dataclass
class ClientPage:
    """A page open at the client, the files chosen on it, and what it sent to the store."""

    page: Page
    site: Site
    person: Person
    cable: StoreCable
    puts: list[str]

    @classmethod
    async def opened(
        cls, page: Page, site: Site, person: Person, cable: StoreCable, *, own: bool = False
    ) -> "ClientPage":
        """`own`: the page's own origin serves the client, not the service."""
        site.mount("client-js", CLIENT)
        given = {"api": person.service_url, "token": person.token} | ({"own": ""} if own else {})
        opened = cls(page, site, person, cable, [])
        page.on("request", opened._noted)
        await page.goto(f"{site.url}/client.html?{urlencode(given)}")
        await opened.is_ready()
        return opened

    async def is_ready(self) -> None:
        await self.page.wait_for_selector("html[data-ready]", state="attached")

    async def reload(self) -> None:
        await self.page.reload()
        await self.is_ready()
        self.puts.clear()  # also of what the page began on its way out

    async def begin(self, paths: Path | Sequence[Path], **options: Any) -> None:
        """Choose the files and upload each."""
        await self.page.set_input_files("#files", paths)
        await self.page.evaluate("options => begin(options)", options)

    async def outcome(self, index: int = 0) -> dict[str, Any]:
        return dict(await self.page.evaluate("index => outcome(index)", index))

    async def record(self, index: int = 0) -> dict[str, Any]:
        outcome = await self.outcome(index)
        assert "record" in outcome, outcome
        return dict(outcome["record"])

    async def until(self, condition: str) -> None:
        """Until the expression holds; `at` is the first upload's progress, `upload` itself."""
        seen = f"() => {{ const upload = uploads[0], at = upload.progress; return {condition}; }}"
        await self.page.wait_for_function(seen, polling=20)

    async def do(self, action: str) -> None:
        await self.page.evaluate(f"() => uploads[0].{action}()")

    @property
    def sent_parts(self) -> list[int]:
        """Their numbers, in the order in which their PUTs began since the page was loaded."""
        return [int(url.partition("partNumber=")[2].partition("&")[0]) for url in self.puts]

    def _noted(self, request: Request) -> None:
        if request.method == "PUT" and request.url.startswith(self.cable.url):
            self.puts.append(request.url)
