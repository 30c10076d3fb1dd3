"""The console as a person at the browser has it."""

from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Expect, Locator, Page

from tests.browser.axe import barriers
from tests.browser.npm import Npm
from tests.browser.people import Person
from tests.support.processes import DEADLINE

expect = Expect()
expect.set_options(DEADLINE * 1000)


@dataclass
class ConsolePage:
    """A page at `/console/`, and whoever sits before it."""

    page: Page
    person: Person

    @classmethod
    async def opened(cls, page: Page, person: Person) -> "ConsolePage":
        """Signed in, with what is in motion shown at its end."""
        opened = cls(page, person)
        await opened.at_the_door()
        await opened.sign_in(person.token)
        await expect(opened.liveness).to_have_text("Live")
        return opened

    @property
    def url(self) -> str:
        return f"{self.person.service_url}/console/"

    @property
    def liveness(self) -> Locator:
        return self.page.locator(".liveness")

    @property
    def banner(self) -> Locator:
        return self.page.locator(".banner")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def list_note(self) -> Locator:
        return self.page.locator(".note")

    async def at_the_door(self) -> None:
        await self.page.emulate_media(reduced_motion="reduce")
        await self.page.goto(self.url)

    async def sign_in(self, token: str) -> None:
        await self.page.get_by_label("Access token").fill(token)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def choose(self, *paths: Path, button: str = "Choose files") -> None:
        async with self.page.expect_file_chooser() as choosing:
            await self.page.get_by_role("button", name=button).click()
        await (await choosing.value).set_files(paths[0] if len(paths) == 1 else list(paths))

    async def use_policy(self, name: str) -> None:
        await self.page.get_by_text("Options", exact=True).click()
        await self.page.get_by_label("Upload policy").fill(name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def row(self, filename: str) -> Locator:
        """Of the list of files."""
        return self.page.get_by_role("row").filter(has=self.button(filename))

    def upload(self, filename: str) -> Locator:
        """Of the uploads under way, failed or left unfinished."""
        return self.page.locator("li.upload").filter(has_text=filename)

    async def shows(self, filename: str, status: str) -> None:
        await expect(self.row(filename).locator(".chip")).to_have_text(status)

    async def flaws(self, npm: Npm) -> list[str]:
        """What axe finds serious or critical on the page as it is."""
        return await barriers(self.page, npm)

    async def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))
