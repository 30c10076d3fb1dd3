"""What the other browser tests rely on."""

import pytest
from playwright.async_api import BrowserContext, Page

from tests.browser.console import Console
from tests.browser.people import Person
from tests.browser.site import Site
from tests.browser.store import StoreCable

PUT = """async ({url, headers, body}) => {
  const answer = await fetch(url, {method: "PUT", headers, body});
  return answer.status;
}"""


async def test_a_page_of_another_origin_sends_bytes_to_the_store(
    page: Page, site: Site, person: Person, cable: StoreCable
) -> None:
    wish = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
    record = person.http.post("/presigned-url", json=wish).json()
    assert record["url"].startswith(cable.url)

    await page.goto(f"{site.url}/blank.html")
    given = {"url": record["url"], "headers": record["headers"], "body": "hello"}
    assert await page.evaluate(PUT, given) == 200

    report = {"id": record["id"], "status": "uploaded"}
    assert person.http.put("/file-status", json=report).json()["status"] == "uploaded"


async def test_an_answer_gets_lost_though_the_bytes_arrived(
    page: Page, site: Site, person: Person, cable: StoreCable, console: Console
) -> None:
    console.allow("Failed to load resource")
    wish = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
    record = person.http.post("/presigned-url", json=wish).json()
    given = {"url": record["url"], "headers": record["headers"], "body": "hello"}

    await page.goto(f"{site.url}/blank.html")
    cable.answers_to_lose = 1
    # Chromium itself may repeat the request on a fresh connection, and then meets write-once.
    with_lost = await page.evaluate(f"given => ({PUT})(given).catch(() => 0)", given)
    assert with_lost in (0, 412)
    assert await page.evaluate(PUT, given) == 412


async def test_complaints_of_a_page_are_heard(context: BrowserContext, site: Site) -> None:
    console = Console(context)
    page = await context.new_page()
    await page.goto(f"{site.url}/blank.html")
    await page.evaluate("console.error('told')")
    async with page.expect_console_message():
        await page.evaluate("console.log('later')")
    with pytest.raises(AssertionError, match="told"):
        console.check()
