"""The browser client by the TypeScript compiler: its types, and its own code."""

import json
import re
from pathlib import Path

from playwright.async_api import Page

from tests.browser.client_page import CLIENT
from tests.browser.npm import Npm
from tests.browser.site import Site

OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"
PERMISSION = {"url", "method", "headers", "fields", "expires_at", "expires_in", "multipart"}
"""What a client sends by, of no use to a page."""
PAGE = Path(__file__).parent / "types" / "page.ts"
OPTIONS = ("--noEmit", "--target", "es2022", "--lib", "es2022,dom,dom.iterable")
MODULES = ("--module", "nodenext")


def test_a_page_in_typescript_can_use_all_of_it(npm: Npm) -> None:
    done = npm.run("tsc", "--strict", "--noUncheckedIndexedAccess", *OPTIONS, *MODULES, PAGE)
    assert done.returncode == 0, done.stdout


def test_the_page_in_typescript_names_every_declared_member() -> None:
    members = re.findall(r"^ {2}(?:readonly )?(\w+)[?(:<]", _declarations(), re.MULTILINE)
    members = sorted({*members} - {"constructor"})
    assert len(members) > 40
    page = PAGE.read_text()
    assert [name for name in members if not re.search(rf"\b{name}\b", page)] == []


async def test_the_module_has_the_classes_that_its_types_declare(page: Page, site: Site) -> None:
    url = f"{site.mount('client-js', CLIENT)}/slipway.js"
    await page.goto(f"{site.url}/blank.html")
    exported = await page.evaluate("async (url) => Object.keys(await import(url))", url)
    declared = re.findall(r"^export declare class (\w+)", _declarations(), re.MULTILINE)
    assert sorted(exported) == sorted(declared)


def test_the_client_itself_holds_together(npm: Npm) -> None:
    """Names, members and calls; JavaScript without annotations gives no more."""
    checked = ("--allowJs", "--checkJs", "--strict", "false")
    files = [CLIENT / "slipway.js", *sorted((CLIENT / "lib").glob("*.js"))]
    done = npm.run("tsc", *checked, *OPTIONS, *MODULES, *files)
    assert done.returncode == 0, done.stdout


def test_the_record_has_the_members_that_the_service_answers_with() -> None:
    schemas = json.loads(OPENAPI.read_text())["components"]["schemas"]
    _, _, rest = _declarations().partition("export interface FileRecord {\n")
    declared = re.findall(r"^ {2}(\w+):", rest.partition("\n}")[0], re.MULTILINE)
    assert {*declared} | PERMISSION == {*schemas["FileResponse"]["properties"]}


def _declarations() -> str:
    return (CLIENT / "slipway.d.ts").read_text()
