"""The console in Chromium, against the service and its real store.

Whatever a page writes to its console as an error fails its test, and with it each violation of
the Content-Security-Policy.
"""

import asyncio
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route

from tests.browser.console import Console
from tests.browser.console_page import ConsolePage, expect
from tests.browser.files import MIB, is_stored, written
from tests.browser.npm import Npm
from tests.browser.people import Person
from tests.browser.store import StoreCable
from tests.e2e.running import Service
from tests.support.service import token_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONG = f"{'A name that goes on and on ' * 8}"[:196] + ".pdf"
HOSTILE = "<img src=x onerror=alert(1)>.html"
ARABIC = "تقرير المشروع النهائي ٢٠٢٦.pdf"
CHECKSUM_THREAD = "client/lib/checksum-worker.js"
HTTP_TROUBLE = "Failed to load resource"


@pytest_asyncio.fixture(loop_scope="session")
async def console_page(page: Page, person: Person, cable: StoreCable) -> ConsolePage:
    """Signed in, with no files yet."""
    return await ConsolePage.opened(page, person)


def declared(person: Person, *names: str, **more: Any) -> list[dict[str, Any]]:
    """Pending files of these names, with their instructions; not sent."""
    wishes = [{"filename": n, "type": "text/plain", "file_size": 5, **more} for n in names]
    answer = person.http.post("/presigned-urls", json={"files": wishes}).raise_for_status()
    return list(answer.json()["items"])


def sent(person: Person, *names: str, **more: Any) -> list[dict[str, Any]]:
    """The same, uploaded by another program of the person's."""
    records = declared(person, *names, **more)
    for record in records:
        answer = person.http.put(
            record["url"], content=b"hello", headers={**record["headers"], "Authorization": ""}
        )
        answer.raise_for_status()
        moved(person, record, "uploaded")
    return records


def moved(person: Person, record: dict[str, Any], status: str, **more: str) -> None:
    change = {"id": record["id"], "status": status, **more}
    person.http.put("/file-status", json=change).raise_for_status()


async def test_signing_in_and_out(
    page: Page, person: Person, console: Console, npm: Npm, cable: StoreCable
) -> None:
    console.allow(HTTP_TROUBLE)
    at = ConsolePage(page, person)
    await at.at_the_door()
    assert await at.flaws(npm) == []
    problem = page.locator("#token-problem")

    await at.sign_in("not a token")
    await expect(problem).to_contain_text("three parts")
    header, payload, _ = person.token.split(".")
    await at.sign_in(f"{header}.{payload}.forged")
    await expect(problem).not_to_contain_text("three parts")
    await expect(problem).not_to_be_empty()
    assert await page.evaluate("sessionStorage.length") == 0

    await at.sign_in(f"Authorization: Bearer {person.token}\n")
    await expect(at.liveness).to_have_text("Live")
    await expect(page.get_by_role("link", name="Operations")).to_have_count(0)
    await page.reload()
    await expect(at.liveness).to_have_text("Live")
    assert person.token not in page.url
    assert await page.evaluate("JSON.stringify({...localStorage}) + document.cookie") == "{}"

    await at.button(person.subject).click()
    await expect(page.get_by_text("files:write")).to_be_visible()
    assert await at.flaws(npm) == []
    await at.button("Sign out").click()
    await expect(page.get_by_label("Access token")).to_be_focused()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_developer_signs_in_by_one_click(
    page: Page, person: Person, service: Service
) -> None:
    at = ConsolePage(page, person)
    await at.at_the_door()
    await at.button("Use a development token").click()
    await expect(at.liveness).to_have_text("Live")
    await expect(page.get_by_role("link", name="Operations")).to_be_visible()


async def test_the_first_files(
    console_page: ConsolePage, person: Person, npm: Npm, tmp_path: Path, cable: StoreCable
) -> None:
    page, asked = console_page.page, set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    await expect(console_page.list_note).to_contain_text("No files yet")
    assert await console_page.flaws(npm) == []

    small = written(tmp_path / "Übergrößen – 日本語.txt", 70_000)
    other = written(tmp_path / "cat.png", 3)
    await console_page.choose(small, other)
    await console_page.shows(small.name, "Uploaded")
    await console_page.shows(other.name, "Uploaded")
    await expect(page.get_by_role("heading", name="2 files uploaded")).to_be_visible()
    await expect(console_page.upload("cat.png")).to_have_count(0)
    [record] = [file for file in person.files() if file["filename"] == small.name]
    assert is_stored(person, record, small)

    await page.get_by_text("Options", exact=True).click()
    await page.get_by_label("Send a checksum").check()
    folder = tmp_path / "Ferien"
    (folder / "Strand").mkdir(parents=True)
    written(folder / "Strand" / "meer.jpg", 10)
    await console_page.choose(folder, button="Choose a folder")
    await console_page.shows("meer.jpg", "Uploaded")
    await expect(console_page.row("meer.jpg").locator(".folder")).to_have_text("Ferien/Strand")
    newest = person.files()[0]
    assert newest["checksum"]["algorithm"] == "crc64nvme"
    assert [worker.url for worker in page.workers] == [f"{person.service_url}/{CHECKSUM_THREAD}"]
    assert asked == {urlsplit(person.service_url).netloc, urlsplit(cable.url).netloc}


async def test_files_and_folders_are_dropped(
    console_page: ConsolePage, context: BrowserContext, tmp_path: Path
) -> None:
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    paths = [written(tmp_path / "one.txt", 10), folder]
    written(folder / "two.txt", 10)
    written(folder / "inner" / "three.txt", 10)
    mouse = await context.new_cdp_session(console_page.page)

    async def drag(kind: str) -> None:
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        event = {"type": kind, "x": 300, "y": 300, "data": data}
        await mouse.send("Input.dispatchDragEvent", event)

    async def hover() -> None:
        while True:
            await drag("dragOver")
            await asyncio.sleep(0.1)

    curtain = console_page.page.get_by_text("Drop to upload")
    await drag("dragEnter")
    hovering = asyncio.create_task(hover())
    await expect(curtain).to_be_visible()
    hovering.cancel()
    await expect(curtain).to_be_hidden()  # as when they are carried away again
    await drag("drop")
    await expect(curtain).to_be_hidden()
    for name in ("one.txt", "two.txt", "three.txt"):
        await console_page.shows(name, "Uploaded")
    await expect(console_page.row("three.txt").locator(".folder")).to_have_text("album/inner")


async def test_progress_pause_resume_and_cancel(
    console_page: ConsolePage,
    person: Person,
    npm: Npm,
    tmp_path: Path,
    cable: StoreCable,
    store: "S3Client",
) -> None:
    path = written(tmp_path / "film.bin", 41 * MIB)
    await console_page.use_policy("parts")
    cable.freeze_after(2)
    await console_page.choose(path)
    await cable.frozen()
    upload = console_page.upload("film.bin")
    bar, words = upload.get_by_role("progressbar"), upload.locator(".words")
    await expect(words).to_contain_text(re.compile(r"[1-9]\S* MiB of 41 MiB"))
    assert 0 < float(await bar.evaluate("bar => bar.value")) < 1

    await console_page.button("Pause film.bin").click()
    await expect(words).to_contain_text("Paused")
    assert await console_page.flaws(npm) == []
    cable.thaw()
    await console_page.button("Resume film.bin").click()
    await console_page.shows("film.bin", "Uploaded")
    [record] = person.files()
    assert is_stored(person, record, path)

    cable.freeze_after(1)
    await console_page.choose(written(tmp_path / "unwanted.bin", 21 * MIB))
    await cable.frozen()
    await console_page.button("Cancel unwanted.bin").click()
    await expect(console_page.upload("unwanted.bin")).to_have_count(0)
    await expect(console_page.page.locator("#tray")).to_be_hidden()  # nothing is left to say
    unwanted = next(file for file in person.files() if file["filename"] == "unwanted.bin")
    assert unwanted["status"] == "failed"
    await expect(console_page.row("unwanted.bin").locator(".problem")).to_have_text("Given up")
    await console_page.shows("unwanted.bin", "Failed")
    uploads = store.list_multipart_uploads(Bucket="slipway", Prefix=unwanted["key"])
    assert uploads.get("Uploads", []) == []


async def test_a_reload_shows_what_is_unfinished_and_goes_on_with_it(
    console_page: ConsolePage, person: Person, tmp_path: Path, cable: StoreCable, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    page, path = console_page.page, written(tmp_path / "film.bin", 60 * MIB)
    await console_page.use_policy("parts")
    cable.freeze_after(6)
    await console_page.choose(path)
    await cable.frozen()
    (pending,) = person.files()
    held = person.http.get(f"/files/{pending['id']}/parts").json()
    assert len(held["parts"]) >= 6

    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.reload()
    cable.thaw()
    puts: list[str] = []
    page.on("request", lambda request: request.method == "PUT" and puts.append(request.url))
    unfinished = console_page.upload("film.bin")
    await expect(unfinished).to_contain_text(re.compile(r"\d+ MiB of 60 MiB"))
    again = "Choose the file film.bin again"
    await console_page.choose(written(tmp_path / "other.bin", 5), button=again)
    await expect(unfinished).to_contain_text("That is another file: other.bin")

    await console_page.choose(path, button=again)
    await console_page.shows("film.bin", "Uploaded")
    [record] = person.files()
    assert record["id"] == pending["id"]
    assert is_stored(person, record, path)
    sent_again = {url.partition("partNumber=")[2].partition("&")[0] for url in puts}
    assert not sent_again & {str(part["part_number"]) for part in held["parts"]}


async def test_an_unfinished_upload_is_discarded(
    console_page: ConsolePage, person: Person, npm: Npm
) -> None:
    wish = {"filename": "film.bin", "type": "a/b", "file_size": 6 * MIB, "method": "multipart"}
    record = person.http.post("/presigned-url", json=wish).raise_for_status().json()
    await console_page.page.reload()
    await expect(console_page.upload("film.bin")).to_contain_text("0 bytes of 6.0 MiB")
    assert await console_page.flaws(npm) == []
    await console_page.button("Discard film.bin").click()
    await console_page.dialog.get_by_role("button", name="Discard").click()
    await expect(console_page.upload("film.bin")).to_have_count(0)
    assert person.http.get(f"/files/{record['id']}").json()["status"] == "failed"


async def test_an_unfinished_upload_of_unknown_size_is_told_and_begun_anew(
    console_page: ConsolePage, person: Person, tmp_path: Path
) -> None:
    wish = {"filename": "tape.bin", "type": "application/octet-stream"}
    begun = person.http.post("/uppy/s3/multipart", json=wish).raise_for_status()
    [record] = person.files()
    assert record["size_is_limit"], begun.text
    await console_page.page.reload()
    await expect(console_page.row("tape.bin").locator(".size")).to_contain_text("up to 5.0 TiB")
    await console_page.button("tape.bin").click()
    await expect(console_page.dialog.get_by_text("parts", exact=True)).to_be_visible()
    await console_page.page.keyboard.press("Escape")
    await expect(console_page.upload("tape.bin")).to_contain_text("0 bytes of up to 5.0 TiB")
    path = written(tmp_path / "tape.bin", 10)
    await console_page.choose(path, button="Choose the file tape.bin again")
    chips = console_page.row("tape.bin").locator(".chip")
    await expect(chips).to_have_text(["Uploaded", "Failed"])
    assert person.files()[-1]["id"] == record["id"]


async def test_the_network_goes_and_comes_back(
    console_page: ConsolePage,
    context: BrowserContext,
    person: Person,
    tmp_path: Path,
    cable: StoreCable,
    console: Console,
) -> None:
    console.allow("Failed to load resource|net::ERR")
    await console_page.use_policy("parts")
    cable.freeze_after(1)
    await console_page.choose(written(tmp_path / "film.bin", 21 * MIB))
    await cable.frozen()
    await context.set_offline(True)
    await expect(console_page.banner).to_contain_text("You are offline")
    await expect(console_page.upload("film.bin")).to_contain_text("Waiting for the network")
    await expect(console_page.liveness).to_have_text("Not connected")

    cable.thaw()
    await context.set_offline(False)
    await expect(console_page.banner).to_be_hidden()
    await console_page.shows("film.bin", "Uploaded")
    await expect(console_page.liveness).to_have_text("Live")


async def test_the_service_goes_and_what_was_missed_is_told(
    console_page: ConsolePage, person: Person, console: Console
) -> None:
    console.allow(f"{HTTP_TROUBLE}|net::ERR")
    page = console_page.page
    [record] = sent(person, "a.txt")
    await console_page.shows("a.txt", "Uploaded")

    async def gone(route: Route) -> None:
        await route.abort()

    await page.route("**/files/stream", gone)
    # What is open stays open: the browser's own switch ends it.
    await page.context.set_offline(True)
    await expect(console_page.liveness).to_have_text("Not connected")
    await page.context.set_offline(False)
    await expect(console_page.banner).to_contain_text("The service does not answer")
    moved(person, record, "completed")
    await page.unroute("**/files/stream")
    # Not clicked: by now it may have gone on by itself.
    await console_page.banner.get_by_role("button").evaluate("button => button.click()")
    await console_page.shows("a.txt", "Completed")
    await expect(console_page.banner).to_be_hidden()


async def test_a_token_that_ends_is_replaced_and_nothing_is_lost(
    page: Page, person: Person, console: Console, npm: Npm, tmp_path: Path
) -> None:
    console.allow(HTTP_TROUBLE)
    brief = token_for(person.subject, exp=int(time.time()) + 4)
    at = ConsolePage(page, person)
    await at.at_the_door()
    await at.sign_in(brief)
    await expect(at.dialog).to_contain_text("not accepted any more")
    assert await at.flaws(npm) == []
    await page.keyboard.press("Escape")
    await expect(at.banner).to_contain_text("Your token is not accepted")

    await at.choose(written(tmp_path / "a.txt", 10))
    await expect(at.upload("a.txt")).to_be_visible()
    await at.banner.get_by_role("button", name="Sign in again").click()
    await at.sign_in(token_for("somebody-else"))
    await expect(page.locator("#token-problem")).to_contain_text("somebody else's")
    await page.keyboard.press("Escape")
    menu = page.locator("#person")
    until = await menu.locator(".help").text_content()
    await at.banner.get_by_role("button", name="Sign in again").click()
    await at.sign_in(person.token)
    await at.shows("a.txt", "Uploaded")
    await expect(menu.locator(".help")).not_to_have_text(str(until))
    await expect(at.banner).to_be_hidden()
    await expect(at.liveness).to_have_text("Live")


async def test_what_fails_says_why(
    console_page: ConsolePage, person: Person, npm: Npm, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    await console_page.use_policy("no such")
    await console_page.choose(written(tmp_path / "never.txt", 10))
    await expect(console_page.page.locator(".toast")).to_contain_text("Nothing was uploaded")
    await expect(console_page.page.get_by_label("Upload policy")).to_be_focused()
    await console_page.page.get_by_label("Upload policy").fill("picture")
    paths = [written(tmp_path / name, 10) for name in ("a.txt", "b.txt", "ok.png")]
    await console_page.choose(*paths)
    upload = console_page.upload("a.txt")
    await expect(upload).to_contain_text("Failed: The policy 'picture' allows image/png")
    await expect(console_page.page.locator("#tray")).to_have_text("1 file uploaded, 2 files failed")
    assert await console_page.flaws(npm) == []

    await console_page.page.get_by_label("Upload policy").fill("")
    await console_page.button("Try again a.txt").click()
    await expect(upload).to_contain_text("Failed")
    await console_page.button("Dismiss a.txt").click()
    await expect(upload).to_have_count(0)
    await console_page.button("Done").click()
    await expect(console_page.upload("b.txt")).to_have_count(0)

    [record] = declared(person, "gone.txt")
    moved(person, record, "failed", reason="the scanner found a virus")
    row = console_page.row("gone.txt")
    await expect(row.locator(".problem")).to_have_text("the scanner found a virus")


async def test_what_others_do_to_the_files_is_seen_at_once(
    console_page: ConsolePage, person: Person
) -> None:
    first, second = sent(person, "first.txt", "second.txt")
    await console_page.shows("first.txt", "Uploaded")
    await console_page.button("first.txt").click()
    await expect(console_page.dialog.locator(".standing .chip")).to_have_text("Uploaded")
    moved(person, first, "completed")
    await expect(console_page.dialog.locator(".standing .chip")).to_have_text("Completed")
    await expect(console_page.dialog.locator(".trail li")).to_have_count(3)
    await console_page.page.keyboard.press("Escape")
    await expect(console_page.button("first.txt")).to_be_focused(timeout=30_000)
    await console_page.shows("first.txt", "Completed")

    person.http.delete(f"/files/{second['id']}").raise_for_status()
    await expect(console_page.row("second.txt")).to_have_count(0)


async def test_details_download_and_delete_by_keyboard(
    console_page: ConsolePage, person: Person, npm: Npm, tmp_path: Path
) -> None:
    page = console_page.page
    sent(person, "keep.txt", "report.txt", metadata={"album": "<b>holidays</b>"})
    await console_page.shows("report.txt", "Uploaded")
    opener = console_page.button("report.txt")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(console_page.dialog).to_contain_text("<b>holidays</b>")
    await expect(console_page.dialog.locator(".trail li")).to_have_count(2)
    assert await console_page.flaws(npm) == []
    async with page.expect_download() as downloading:
        await console_page.dialog.get_by_role("button", name="Download").press("Enter")
    download = await downloading.value
    assert download.suggested_filename == "report.txt"
    await download.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == b"hello"
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()

    await console_page.button("Delete report.txt").press("Enter")
    await expect(console_page.dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert await console_page.flaws(npm) == []
    await page.keyboard.press("Escape")
    await expect(console_page.dialog).to_have_count(0)
    assert len(person.files()) == 2
    await console_page.button("Delete report.txt").press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(console_page.row("report.txt")).to_have_count(0)
    await expect(console_page.button("keep.txt")).to_be_visible()
    assert [file["filename"] for file in person.files()] == ["keep.txt"]


async def test_every_control_is_reached_by_the_tabulator(
    console_page: ConsolePage, person: Person
) -> None:
    page = console_page.page
    sent(person, "a.txt")
    await console_page.shows("a.txt", "Uploaded")
    await page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(14):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                "(at => at.getAttribute('aria-label') ?? at.textContent.trim())"
                "(document.activeElement)"
            )
        )
    assert reached[:2] == ["Skip to content", "Slipway"]
    assert reached[2:4] == ["Files", "Usage"]
    assert reached[5:8] == ["Choose files", "Choose a folder", "Options"]
    assert {"Search by name", "a.txt", "Download a.txt", "Delete a.txt"} < set(reached)
    await page.keyboard.press("Home")
    await page.get_by_role("link", name="Skip to content").press("Enter")
    await expect(page.locator("#main")).to_be_focused()


async def test_a_thousand_files_filter_and_search(
    console_page: ConsolePage, person: Person
) -> None:
    page = console_page.page
    records = declared(person, *(f"scan {number:04}.txt" for number in range(1000)))
    moved(person, records[3], "failed", reason="given up")
    await page.set_viewport_size({"width": 1200, "height": 14000})
    await page.reload()
    await expect(console_page.list_note).to_have_text(at_least(300))  # to fill the screen
    await page.set_viewport_size({"width": 1200, "height": 800})
    for count in (*range(400, 1000, 100), 1000):
        # Not by the End key, whose motion ends where the end was when it began.
        await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        await expect(console_page.list_note).to_have_text(at_least(count))
    await console_page.row("scan 0000.txt").scroll_into_view_if_needed()
    assert await page.locator(".table .row").count() == 1000

    search = page.get_by_label("Search by name")
    await search.fill("SCAN 000")
    await expect(console_page.list_note).to_have_text("10 files")
    await page.get_by_text("Failed", exact=True).first.click()
    await expect(console_page.list_note).to_have_text("1 file")
    await expect(console_page.row("scan 0003.txt")).to_contain_text("given up")
    await search.fill("nothing like it")
    await expect(console_page.list_note).to_contain_text("No file matches")
    await console_page.button("Show all files").click()
    await expect(console_page.list_note).to_have_text("100 files, and more")
    await search.fill("a/b")
    await expect(page.locator("input[type=search]:invalid")).to_have_count(1)


def at_least(count: int) -> re.Pattern[str]:
    """So many hundred files are listed, or more: nearing the end asks for the next."""
    hundreds = "|".join(str(number) for number in range(count // 100, 10))
    return re.compile(rf"^(1,000 files|({hundreds})00 files, and more)$" if hundreds else "^1,000")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_names_of_any_kind_on_a_narrow_screen(
    context: BrowserContext, page: Page, person: Person, npm: Npm, scheme: Any
) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    names = (LONG, HOSTILE, ARABIC, "日本語のファイル名.png", "no-blank-" * 20)
    declared(person, *names, metadata={"path": "/".join([HOSTILE] * 5)})
    at = await ConsolePage.opened(page, person)
    for name in names:
        await expect(at.button(name)).to_be_visible()
    assert (await at.overflow(), await at.flaws(npm)) == (0, [])

    for name in (LONG, HOSTILE):
        await at.button(name).click()
        await expect(at.dialog.locator(".trail li")).to_have_count(1)
        assert (await at.overflow(), await at.flaws(npm)) == (0, [])
        await page.keyboard.press("Escape")
    await at.button(f"Delete {LONG}").click()
    assert (await at.overflow(), await at.flaws(npm)) == (0, [])
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Usage").click()
    await expect(page.get_by_role("heading", name="What became of them")).to_be_visible()
    assert (await at.overflow(), await at.flaws(npm)) == (0, [])
    await expect(page.locator("main img")).to_have_count(0)


async def test_figures_are_written_for_people(page: Page, person: Person) -> None:
    await page.goto(f"{person.service_url}/console/")

    async def called(module: str, call: str) -> Any:
        load = f"async () => {{ const m = await import('./lib/{module}.js'); return m.{call}; }}"
        return await page.evaluate(load)

    sizes = {0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1536: "1.5 KiB", 20480: "20 KiB"}
    sizes |= {2**20: "1.0 MiB", 5 * 2**40: "5.0 TiB", 2**60: "1024 PiB"}
    assert [await called("format", f"bytes({size})") for size in sizes] == [*sizes.values()]
    spans = {"0.2": "1 s", "59.4": "1 min", "61": "2 min", "3600": "1 h", "3660": "1 h 1 min"}
    spans |= {"null": "", "Infinity": ""}
    assert [await called("format", f"duration({span})") for span in spans] == [*spans.values()]
    limit = "{ file_size: 5, size_is_limit: true }"
    assert await called("format", f"sizeOf({limit})") == "up to 5 bytes"
    assert await called("dom", r"name('evil\u202Egnp.exe').textContent") == "evil\ufffdgnp.exe"
    assert await called("scale", "scale(0).ticks") == [0, 1]
    assert await called("scale", "scale(7).ticks") == [0, 2, 4, 6, 8]
    assert await called("scale", "scale(940).top") == 1000
    assert (await called("session", f"claimsOf('{person.token}')"))["subject"] == person.subject
    assert await called("session", "claimsOf('a.b.c')") is None


async def test_usage_and_uploads_over_time(
    console_page: ConsolePage, person: Person, npm: Npm, service: Service
) -> None:
    page = console_page.page
    admin = {"Authorization": f"Bearer {token_for('admin', 'admin')}"}
    limits = {"bytes": 20, "files": 10, "in_flight_bytes": None}
    person.http.put(f"/quotas/{person.subject}", json=limits, headers=admin).raise_for_status()
    sent(person, "a.txt", "b.txt")
    moved(person, declared(person, "c.txt")[0], "failed")
    declared(person, "d.txt")
    await page.get_by_role("link", name="Usage").click()
    quota = page.get_by_role("region", name="Quota")
    await expect(quota).to_contain_text("10 bytes and 5 bytes on the way of 20 bytes")
    await expect(quota).to_contain_text("2 files and 1 file on the way of 10")
    widths = await quota.locator(".fill").evaluate_all("all => all.map(e => e.style.inlineSize)")
    assert widths == ["50%", "25%", "20%", "10%"]

    plot = page.get_by_role("figure")
    await expect(plot.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("2 arrived, 1 on the way, 1 failed, 0 deleted since")
    )
    await plot.get_by_text("Show as a table").click()
    today = plot.get_by_role("row").nth(1)
    assert (await today.inner_text()).split()[-4:] == ["2", "1", "1", "0"]
    await expect(page.locator(".shares")).to_contain_text("2 files, 50 %")
    assert await console_page.flaws(npm) == []

    await page.get_by_text("48 hours").click()
    await expect(plot.get_by_role("heading")).to_have_text("Uploads, last 48 hours (UTC)")
    person.http.delete(f"/files/{person.files()[-1]['id']}").raise_for_status()
    await expect(quota).to_contain_text("1 file and 1 file on the way of 10")
