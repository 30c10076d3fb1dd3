"""The operators' part of the console: what they find there, and what they can do about it."""

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
import uuid_utils.compat
from playwright.async_api import Page, Request, ViewportSize

from app.infrastructure.embedded.postgres import EmbeddedPostgres
from tests.browser.axe import barriers
from tests.browser.console import Console
from tests.browser.console_page import expect
from tests.browser.npm import Npm
from tests.browser.operators_page import (
    BROKEN,
    DIAGNOSIS,
    DOWN,
    EMPTY,
    TROUBLED,
    Operations,
    delivery,
    failed_file,
    job,
    page_of,
)
from tests.browser.people import Person
from tests.e2e.running import Service
from tests.support.databases import execute
from tests.support.workers import until

TABS = ("Overview", "Uploads", "Owners", "Webhooks", "Jobs", "Health")
NARROW: ViewportSize = {"width": 360, "height": 740}


@pytest_asyncio.fixture(loop_scope="session")
async def operations(page: Page, service: Service) -> AsyncIterator[Operations]:
    """Somebody with the scope `admin` at the console, not yet opened."""
    with Person.at(service, "admin files:read files:write") as operator:
        yield Operations(page, operator)


@pytest.fixture
def database_url(service: Service) -> str:
    return EmbeddedPostgres(service.data_dir / "postgres").url


async def test_they_find_out_why_an_upload_failed(operations: Operations, person: Person) -> None:
    wish = {"filename": "<b>cat.png", "type": "image/png", "file_size": 5}
    record = person.http.post("/presigned-url", json=wish).raise_for_status().json()
    failed = {"id": record["id"], "status": "failed", "reason": "no cat in it"}
    person.http.put("/file-status", json=failed).raise_for_status()

    await operations.open("Uploads")
    page = operations.page
    await page.get_by_label("Owner", exact=True).fill(person.subject)
    row = page.get_by_role("row").filter(has_text="<b>cat.png")
    await expect(row).to_contain_text("Reported by a client: no cat in it")
    await expect(row).to_contain_text(person.subject)
    await row.get_by_role("button").click()

    sheet = page.get_by_role("dialog", name="<b>cat.png")
    await expect(sheet.get_by_text(record["id"], exact=True)).to_be_visible()
    await expect(sheet.get_by_role("listitem").last).to_contain_text("reason: no cat in it")
    await page.keyboard.press("Escape")
    await expect(row.get_by_role("button")).to_be_focused()


async def test_they_send_a_delivery_again(operations: Operations, person: Person) -> None:
    """To an endpoint that is none, so that each attempt is made and fails at once."""
    webhook = person.http.post("/webhooks", json={"url": "https://localhost/s3cret"}).json()
    sent = f"/webhooks/{webhook['id']}"
    person.http.post(f"{sent}/test").raise_for_status()

    def attempts() -> tuple[int, str | None]:
        """How many since it was sent or replayed, and when the last was."""
        answer = person.http.get(f"{sent}/deliveries").raise_for_status()
        [found] = answer.json()["items"]
        return found["attempts"], found["attempted_at"]

    async def tried_anew(before: str | None) -> bool:
        count, at = await asyncio.to_thread(attempts)
        return count == 1 and at != before

    await until(lambda: tried_anew(None), "it was tried")
    _, first = attempts()

    await operations.open("Webhooks")
    page = operations.page
    await page.get_by_text("In trouble", exact=True).click()
    row = page.get_by_role("row").filter(has_text=person.subject)
    await expect(row).to_contain_text("The host name has no public address.")
    await expect(page.get_by_text("s3cret")).to_have_count(0)
    await row.get_by_role("button", name="https://localhost").click()
    await page.get_by_role("button", name="Replay webhook.test").click()
    question = page.get_by_role("dialog", name="Replay the delivery")
    await expect(question).to_contain_text("Send webhook.test to https://localhost again, now?")
    await question.get_by_role("button", name="Replay").click()

    await expect(question).to_have_count(0)
    await until(lambda: tried_anew(first), "it was tried again, from the first attempt on")


@pytest.mark.parametrize("of_all", [False, True])
async def test_they_run_a_failed_job_again(
    operations: Operations, database_url: str, of_all: bool
) -> None:
    """Of a file that is gone, so that it is soon done."""
    file_id = uuid_utils.compat.uuid7()
    await execute(
        database_url,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)"
        f""" VALUES ('files', 'discard', '{{"file_id": "{file_id}"}}', 'failed', 34)""",
    )

    await operations.open("Jobs")
    row = operations.page.get_by_role("row").filter(has_text=str(file_id))
    await expect(row).to_contain_text("failed after 34 attempts")
    if of_all:
        await operations.page.get_by_role("button", name="Retry all failed").click()
        question = operations.page.get_by_role("dialog", name="Retry all failed jobs")
        await question.get_by_role("button", name="Retry all").click()
    else:
        await row.get_by_role("button", name="Retry").click()

    await expect(row).to_have_count(0)
    left = f"SELECT FROM procrastinate_jobs WHERE args ->> 'file_id' = '{file_id}'"

    async def is_done() -> bool:
        return not await execute(database_url, left)

    await until(is_done, "the worker has done it")


async def test_the_doctor_examines_the_service(operations: Operations) -> None:
    await operations.open("Health")
    await expect(operations.page.get_by_text("Up", exact=True)).to_have_count(3)
    await operations.page.get_by_role("button", name="Examine everything").click()
    await expect(operations.page.get_by_text(re.compile(r"\d+ checks are fine"))).to_be_visible()
    await expect(operations.page.get_by_text(re.compile(r"\d+ checks in .* s,"))).to_be_visible()


async def test_nobody_else_sees_it(page: Page, person: Person) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    at_the_console = Operations(page, person)
    await at_the_console.sign_in()

    await expect(page.get_by_role("heading", name="Files")).to_be_visible()
    await expect(page.get_by_role("link", name="Operations")).to_have_count(0)
    assert not [path for path in asked if "operators/" in path or path.startswith("/admin")]


async def test_an_operator_without_files(page: Page, service: Service) -> None:
    with Person.at(service, "admin") as operator:
        await Operations(page, operator).open()
        links = page.get_by_role("navigation", name="Sections").get_by_role("link")
        await expect(links).to_have_text(["Operations"])


@pytest.mark.parametrize(
    ("look", "rules"),
    [("light", None), ("dark", ["color-contrast"]), ("narrow", ["button-name"])],
)
async def test_everybody_can_use_it_in_trouble(
    operations: Operations, npm: Npm, look: str, rules: list[str] | None
) -> None:
    page = operations.page
    scheme = "dark" if look == "dark" else "light"
    # Colours are those of what has come to rest.
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    if look == "narrow":
        await page.set_viewport_size(NARROW)
    file, hook = TROUBLED["/admin/files"]["items"][1], TROUBLED["/admin/webhooks"]["items"][1]
    deliveries = page_of(delivery(1, "pending", BROKEN), delivery(2, "delivered"))
    await operations.answer(
        TROUBLED
        | {
            "/doctor": DIAGNOSIS,
            f"/admin/files/{file['id']}/events": page_of(),
            f"/admin/webhooks/{hook['id']}/deliveries": deliveries,
        }
    )
    await operations.open()

    async def check() -> None:
        await operations.settled()
        assert await operations.overflow() == 0
        assert await barriers(page, npm, rules) == []

    for tab in TABS:
        await operations.show(tab)
        await check()
    await page.get_by_role("button", name="Examine everything").click()
    await expect(page.get_by_text("Give the bucket this rule.")).to_be_visible()
    await check()
    await operations.show("Uploads")
    await expect(page.get_by_role("row", name="cat.png")).to_contain_text("up to 5.9 MiB")
    await page.get_by_role("button", name=file["filename"]).click()
    await check()
    await page.keyboard.press("Escape")
    await operations.show("Webhooks")
    await page.get_by_role("button", name=hook["host"]).click()
    await page.get_by_role("button", name="Replay").first.click()
    await check()


async def test_it_says_that_there_is_nothing(operations: Operations) -> None:
    page = operations.page
    await operations.answer(EMPTY)
    await operations.open()
    await expect(page.get_by_role("button", name="Parts of the service All up")).to_be_visible()
    await expect(page.get_by_text("None has failed.")).to_be_visible()
    said = {
        "Uploads": "No upload has failed.",
        "Owners": "Nobody has uploaded anything yet.",
        "Webhooks": "There are no webhooks.",
        "Jobs": "No job has failed.",
    }
    for tab, words in said.items():
        await operations.show(tab)
        await expect(page.get_by_text(words)).to_be_visible()


async def test_it_leads_from_what_is_wrong_to_what_it_is(operations: Operations) -> None:
    page = operations.page
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    await operations.answer(TROUBLED)
    await operations.open()

    def last(path: str) -> dict[str, list[str]]:
        found = [r.url for r in asked if urlsplit(r.url).path == path]
        return parse_qs(urlsplit(found[-1]).query)

    await page.get_by_role("button", name="Webhooks in trouble").click()
    await expect(page.get_by_label("In trouble")).to_be_checked()
    await expect(page.get_by_role("table")).not_to_contain_text("https://hooks.example.com")

    await operations.show("Overview")
    await page.get_by_role("button", name="Show them").nth(2).click()
    await expect(page.get_by_label("Reason")).to_have_value("checksum")
    await operations.settled()
    assert (last("/admin/files")["reason"], last("/admin/files")["status"]) == (
        ["checksum"],
        ["failed"],
    )
    await operations.show("Owners")
    await page.get_by_role("button", name="bob").click()
    await expect(page.get_by_label("Owner", exact=True)).to_have_value("bob")
    await operations.settled()
    assert last("/admin/files").keys() == {"owner", "limit"}


async def test_a_part_that_is_down(operations: Operations) -> None:
    page = operations.page
    await operations.answer(EMPTY | {"/admin/health": DOWN})
    await operations.open()
    await page.get_by_role("button", name="Parts of the service 1 down").click()
    part = page.get_by_role("listitem").filter(has_text="Object store")
    await expect(part).to_contain_text("Down")
    await expect(part).to_contain_text("The object store does not answer; try again.")


async def test_what_the_service_refuses_can_be_tried_again(
    operations: Operations, console: Console
) -> None:
    console.allow("403")
    page = operations.page
    refusal = {"status": 403, "code": "forbidden", "detail": "This needs the scope admin."}
    await operations.answer(EMPTY | {"/admin/owners": refusal})
    await operations.open("Owners")
    await expect(page.get_by_text("This needs the scope admin.")).to_be_visible()
    await operations.answer(TROUBLED)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("4 owners")).to_be_visible()


async def test_a_list_goes_on(operations: Operations) -> None:
    page = operations.page
    first = page_of(*(job(number) for number in range(3))) | {"next_cursor": "AAAA"}
    await operations.answer(EMPTY | {"/admin/jobs": first})
    await operations.open("Jobs")
    await expect(page.get_by_text("3 jobs, and more")).to_be_visible()
    await operations.answer({"/admin/jobs": page_of(job(7))})
    await page.get_by_role("button", name="Show more").click()
    await expect(page.get_by_text("4 jobs", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Show more")).to_be_hidden()


async def test_without_a_mouse(operations: Operations) -> None:
    page, keys = operations.page, operations.page.keyboard
    words = "<img src=x onerror=alert(1)>"
    hostile = failed_file(1, words, words, "reported", words)
    await operations.answer(TROUBLED | {"/admin/files": page_of(hostile)})
    await operations.answer({f"/admin/files/{hostile['id']}/events": page_of()})
    await operations.open()
    await operations.tab("Overview").focus()
    for key, tab in (("End", "Health"), ("ArrowRight", "Overview"), ("ArrowRight", "Uploads")):
        await keys.press(key)
        await expect(operations.tab(tab)).to_be_focused()
        await expect(operations.tab(tab)).to_have_attribute("aria-selected", "true")
        await expect(page.get_by_role("tabpanel")).to_have_accessible_name(tab)
    for _ in range(4):
        await keys.press("Tab")
    await expect(page.get_by_role("button", name=words)).to_be_focused()
    await keys.press("Enter")
    await expect(page.get_by_role("dialog", name=words)).to_be_visible()
    await expect(page.locator("img")).to_have_count(0)
