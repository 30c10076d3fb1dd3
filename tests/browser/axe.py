"""What stands in the way of people with disabilities: axe-core, https://github.com/dequelabs/axe-core."""

from typing import Any

from playwright.async_api import Page

from tests.browser.npm import Npm

_GRAVE = ("serious", "critical")


async def barriers(page: Page, npm: Npm, rules: list[str] | None = None) -> list[str]:
    """The serious and critical ones in the page as it is, each with the elements concerned.

    `rules` are those of axe to look at, None for all.
    """
    if await page.evaluate("typeof axe === 'undefined'"):
        # Not as a script element, which the page's policy would refuse.
        await page.evaluate((npm.modules / "axe-core" / "axe.min.js").read_text())
    options = {} if rules is None else {"runOnly": rules}
    found: dict[str, Any] = await page.evaluate("options => axe.run(options)", options)
    return [_told(each) for each in found["violations"] if each["impact"] in _GRAVE]


def _told(violation: dict[str, Any]) -> str:
    nodes = ", ".join(str(node["target"]) for node in violation["nodes"])
    return f"{violation['id']}: {violation['help']} ({nodes})"
