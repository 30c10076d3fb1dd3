"""The browser client in Chromium: files from disk, through a cable, into the real store."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Request, Route

from tests.browser.client_page import ClientPage
from tests.browser.console import Console
from tests.browser.files import MIB, is_stored, written
from tests.browser.people import Person
from tests.browser.site import Site
from tests.browser.store import StoreCable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COUNT_WHAT_WORKERS_ARE_ASKED = """() => {
  const { postMessage } = Worker.prototype;
  window.asked = 0;
  Worker.prototype.postMessage = function (...given) {
    window.asked++;
    return postMessage.apply(this, given);
  };
}"""
COUNT_WHAT_IS_SENT_AT_ONCE = """() => {
  const { send } = XMLHttpRequest.prototype;
  let now = 0;
  window.mostAtOnce = 0;
  XMLHttpRequest.prototype.send = function (body) {
    window.mostAtOnce = Math.max(window.mostAtOnce, ++now);
    this.addEventListener("loadend", () => now--);
    return send.call(this, body);
  };
}"""
HTTP_TROUBLE = "Failed to load resource|blocked by CORS policy|net::ERR"


@pytest_asyncio.fixture(loop_scope="session")
async def client(page: Page, site: Site, person: Person, cable: StoreCable) -> ClientPage:
    return await ClientPage.opened(page, site, person, cable)


async def test_a_small_file_with_a_name_of_any_language(
    client: ClientPage, person: Person, tmp_path: Path
) -> None:
    path = written(tmp_path / "Übergrößen – 日本語 🐈.txt", 100_000)
    await client.begin(path, metadata={"album": "Ferien"})
    record = await client.record()
    assert (record["filename"], record["status"]) == (path.name, "uploaded")
    assert record["metadata"] == {"album": "Ferien"}
    assert is_stored(person, record, path)


async def test_an_empty_file(client: ClientPage, person: Person, tmp_path: Path) -> None:
    await client.begin(written(tmp_path / "nothing.bin", 0))
    record = await client.record()
    assert (record["observed_size"], record["type"]) == (0, "application/octet-stream")


async def test_a_file_in_parts_and_its_progress(
    client: ClientPage, person: Person, tmp_path: Path
) -> None:
    path = written(tmp_path / "film.bin", 41 * MIB)
    size = path.stat().st_size
    client.cable.freeze_after(2)
    await client.begin(path, policy="parts")
    await client.cable.frozen()
    await client.until("at.state === 'sending' && at.loaded > 0 && at.loaded < at.total")
    client.cable.thaw()
    record = await client.record()
    assert is_stored(person, record, path)
    assert sorted(client.sent_parts) == [*range(1, 10)]

    seen = await client.page.evaluate("seen[0]")
    states = list(dict.fromkeys(at["state"] for at in seen))
    assert states == ["sending", "verifying", "done"]
    assert any(0 < at["loaded"] < size for at in seen)
    assert {at["total"] for at in seen} == {size}
    assert (seen[-1]["loaded"], seen[-1]["timeLeft"]) == (size, 0)


async def test_pause_and_resume(client: ClientPage, person: Person, tmp_path: Path) -> None:
    path = written(tmp_path / "film.bin", 60 * MIB)
    client.cable.freeze_after(2)
    await client.begin(path, policy="parts")
    await client.cable.frozen()
    (pending,) = person.files()
    await client.do("pause")
    await client.until("at.state === 'paused' && at.rate === 0 && at.timeLeft === null")
    client.cable.thaw()
    sent_before = len(client.puts)
    assert sent_before < 12
    assert person.http.get(f"/files/{pending['id']}").json()["status"] == "pending"

    await client.do("resume")
    record = await client.record()
    assert is_stored(person, record, path)
    assert len(client.puts) > sent_before


async def test_a_reload_sends_only_what_is_missing(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "film.bin", 100 * MIB)
    client.cable.freeze_after(6)
    await client.begin(path, policy="parts")
    await client.cable.frozen()
    (pending,) = person.files()
    held = person.http.get(f"/files/{pending['id']}/parts").json()["parts"]

    await client.reload()
    client.cable.thaw()
    signed: list[int] = []
    urls_of_parts = f"{person.service_url}/files/{pending['id']}/parts"

    def note(request: Request) -> None:
        if (request.method, request.url) == ("POST", urls_of_parts):
            signed.extend(request.post_data_json["part_numbers"])

    client.page.on("request", note)
    await client.begin(path, policy="parts")
    record = await client.record()
    assert record["id"] == pending["id"]
    assert len(signed) == len(set(signed)) <= 20 - len(held)
    assert not {part["part_number"] for part in held} & set(client.sent_parts)
    assert len(client.sent_parts) <= 20 - len(held)
    begun = await client.page.evaluate("seen[0].find(at => at.state === 'sending').loaded")
    assert begun >= sum(part["size"] for part in held)
    assert is_stored(person, record, path)


async def test_two_tabs_with_the_same_file_do_not_share_an_upload(
    client: ClientPage, context: BrowserContext, person: Person, tmp_path: Path
) -> None:
    path = written(tmp_path / "film.bin", 21 * MIB)
    client.cable.freeze_after(2)
    await client.begin(path, policy="parts")
    await client.cable.frozen()
    (first,) = person.files()
    second = await ClientPage.opened(await context.new_page(), client.site, person, client.cable)
    await second.begin(path, policy="parts")
    await second.until("upload.record !== null")
    await client.do("cancel")
    client.cable.thaw()
    record = await second.record()
    assert record["id"] != first["id"]
    assert is_stored(person, record, path)


async def test_a_broken_network_costs_the_parts_on_their_way(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "film.bin", 60 * MIB)
    client.cable.freeze_after(4)
    await client.begin(path, policy="parts")
    await client.cable.frozen()
    async with client.page.expect_event("requestfailed"):
        client.cable.cut()
    client.cable.mend()
    record = await client.record()
    assert is_stored(person, record, path)
    # Those that were heard of before the cut are not sent again.
    assert len(client.sent_parts) < 2 * 12
    assert set(client.sent_parts) == {*range(1, 13)}


async def test_offline_waits_for_the_network(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "film.bin", 30 * MIB)
    client.cable.freeze()
    await client.begin(path, policy="parts")
    await client.until("upload.state === 'sending'")
    await client.page.context.set_offline(True)
    await client.until("upload.state === 'offline'")
    client.cable.thaw()
    await client.page.context.set_offline(False)
    assert is_stored(person, await client.record(), path)


@pytest.mark.parametrize("policy", ["parts", "default"])
async def test_cancel_leaves_nothing_in_the_store(
    client: ClientPage, person: Person, store: "S3Client", tmp_path: Path, policy: str
) -> None:
    client.cable.freeze()
    await client.begin(written(tmp_path / "film.bin", 30 * MIB), policy=policy)
    await client.until("upload.state === 'sending' && upload.record")
    await client.do("cancel")
    outcome = await client.outcome()
    assert (outcome["name"], outcome["code"]) == ("CancelledError", "cancelled")

    (record,) = person.files()
    assert record["status"] == "failed"
    listing = store.list_objects_v2(Bucket="slipway", Prefix=record["key"])
    uploads = store.list_multipart_uploads(Bucket="slipway", Prefix=record["key"])
    assert (listing["KeyCount"], uploads.get("Uploads", [])) == (0, [])


@pytest.mark.parametrize("policy", ["parts", "done"])
async def test_a_cancel_that_comes_too_late_removes_the_file(
    client: ClientPage,
    person: Person,
    store: "S3Client",
    tmp_path: Path,
    console: Console,
    policy: str,
) -> None:
    """The service has verified it already; the page has not heard of it."""
    console.allow(HTTP_TROUBLE)
    verified = []

    async def unheard(route: Route) -> None:
        if not verified:
            verified.append(await route.fetch())
            await client.page.evaluate("void (window.cancelled = uploads[0].cancel())")
        await route.fulfill(response=verified[0])

    end = "**/complete" if policy == "parts" else "**/file-statuses"
    await client.page.route(end, unheard)
    await client.begin(written(tmp_path / "film.bin", 12 * MIB), policy=policy)
    assert (await client.outcome())["code"] == "cancelled"
    await client.page.evaluate("cancelled")
    (answer,) = verified
    assert answer.ok
    file = await answer.json()
    key = file["key"] if "key" in file else file["items"][0]["file"]["key"]
    assert person.files() == []
    assert store.list_objects_v2(Bucket="slipway", Prefix=key)["KeyCount"] == 0


async def test_an_aborted_signal_cancels(client: ClientPage, tmp_path: Path) -> None:
    await client.page.evaluate("window.stop = new AbortController()")
    client.cable.freeze()
    await client.page.set_input_files("#files", written(tmp_path / "a.bin", MIB))
    await client.page.evaluate("begin({signal: stop.signal}); stop.abort()")
    assert (await client.outcome())["code"] == "cancelled"


async def test_two_hundred_files_are_asked_for_together(
    client: ClientPage, person: Person, tmp_path: Path
) -> None:
    paths = [written(tmp_path / f"{n}.txt", 1000 + n, n) for n in range(200)]
    calls: list[str] = []
    client.page.on("request", lambda request: calls.append(f"{request.method} {request.url}"))
    await client.page.evaluate(COUNT_WHAT_IS_SENT_AT_ONCE)
    await client.begin(paths)
    statuses = await client.page.evaluate(
        "async () => (await Promise.all(uploads)).map(record => record.status)"
    )
    assert statuses == ["uploaded"] * 200
    assert 3 <= await client.page.evaluate("mostAtOnce") <= 8
    ours = [call for call in calls if person.service_url in call and "OPTIONS" not in call]
    assert ours[0] == f"POST {person.service_url}/presigned-urls"
    assert set(ours[1:]) == {f"PUT {person.service_url}/file-statuses"}
    assert len(ours) < 100
    stored = {(file["filename"], file["observed_size"]) for file in person.files()}
    assert stored == {(path.name, path.stat().st_size) for path in paths}


async def test_one_bad_file_of_a_batch_fails_alone(
    client: ClientPage, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    paths = [written(tmp_path / name, 10) for name in ("a.txt", "b.txt", "c.txt")]
    await client.page.set_input_files("#files", paths)
    await client.page.evaluate("""() => {
      const [a, b, c] = document.querySelector("#files").files;
      begin({}, [a]);
      begin({type: "not a type"}, [b]);
      begin({}, [c]);
    }""")
    codes = [(await client.outcome(n)).get("code") for n in range(3)]
    assert codes == [None, "invalid_request", None]


@pytest.mark.parametrize("size", [1000, 20 * MIB], ids=["whole", "parts"])
async def test_expired_urls_are_replaced(
    client: ClientPage, person: Person, tmp_path: Path, console: Console, size: int
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "film.bin", size)
    refused: list[int] = []
    client.page.on("response", lambda r: refused.append(r.status) if r.status == 403 else None)
    client.cable.freeze()
    await client.begin(path, policy="brief")
    await client.until("upload.state === 'sending'")
    (record,) = person.files()
    await client.page.wait_for_function(
        "endsAt => Date.now() > Date.parse(endsAt) + 1000", arg=record["expires_at"]
    )
    client.cable.thaw()
    assert is_stored(person, await client.record(), path)
    assert 403 in refused


async def test_a_url_that_is_refused_before_its_end_is_replaced(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    left = [403]

    async def refused(route: Route) -> None:
        if route.request.method != "PUT" or not left:
            return await route.fallback()
        headers = {"Access-Control-Allow-Origin": "*"}
        return await route.fulfill(status=left.pop(), headers=headers)

    await client.page.route(f"{client.cable.url}/**", refused)
    path = written(tmp_path / "note.txt", 1000)
    await client.begin(path)
    assert is_stored(person, await client.record(), path)
    assert [file["status"] for file in person.files()] == ["uploaded", "failed"]


async def test_a_lost_answer_is_no_second_upload(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "note.txt", 1000)
    client.cable.answers_to_lose = 1
    await client.begin(path)
    record = await client.record()
    assert client.cable.answers_to_lose == 0
    assert is_stored(person, record, path)
    assert len(person.files()) == 1


async def test_a_busy_store_is_asked_again(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    left = [503, 500]

    async def busy(route: Route) -> None:
        if route.request.method != "PUT" or not left:
            return await route.fallback()
        headers = {"Access-Control-Allow-Origin": "*", "Retry-After": "1"}
        return await route.fulfill(status=left.pop(), headers=headers, body="<Code>SlowDown</Code>")

    await client.page.route(f"{client.cable.url}/**", busy)
    path = written(tmp_path / "note.txt", 1000)
    await client.begin(path)
    assert is_stored(person, await client.record(), path)
    assert (left, len(client.puts)) == ([], 3)


async def test_a_limited_service_is_asked_again_when_it_said(
    client: ClientPage, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    times: list[float] = []

    async def limited(route: Route) -> None:
        times.append(await client.page.evaluate("performance.now()"))
        if len(times) > 1:
            return await route.fallback()
        headers = {
            "Access-Control-Allow-Origin": client.site.url,
            "Access-Control-Expose-Headers": "Retry-After",
            "Retry-After": "2",
        }
        problem = {"code": "rate_limited", "detail": "Too many."}
        return await route.fulfill(status=429, headers=headers, json=problem)

    await client.page.route("**/presigned-url", limited)
    await client.begin(written(tmp_path / "note.txt", 1000))
    await client.record()
    assert times[1] - times[0] >= 2000


async def test_a_token_that_has_ended_is_asked_for_anew(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "note.txt", 1000)
    await client.page.set_input_files("#files", path)
    record = await client.page.evaluate(
        """async ([api, token]) => {
          const { Slipway } = await import(`${api}/client/slipway.js`);
          const tokens = ["ended"];
          const getToken = async () => tokens.pop() ?? token;
          const slipway = new Slipway({ baseUrl: `${api}/`, getToken });
          return await slipway.upload(document.querySelector("#files").files[0]);
        }""",
        [person.service_url, person.token],
    )
    assert is_stored(person, record, path)


async def test_refusals_are_typed(client: ClientPage, tmp_path: Path, console: Console) -> None:
    console.allow(HTTP_TROUBLE)
    await client.begin(written(tmp_path / "note.txt", 1000), policy="picture")
    outcome = await client.outcome()
    assert (outcome["name"], outcome["code"], outcome["status"]) == (
        "ServiceError",
        "type_not_allowed",
        415,
    )
    assert outcome["problem"]["request_id"]


@pytest.mark.parametrize("own", [True, False], ids=["worker", "page"])
@pytest.mark.parametrize("algorithm", ["sha256", "crc64nvme"])
async def test_a_checksum_is_declared(
    page: Page,
    site: Site,
    person: Person,
    cable: StoreCable,
    tmp_path: Path,
    own: bool,
    algorithm: str,
) -> None:
    client = await ClientPage.opened(page, site, person, cable, own=own)
    path = written(tmp_path / "note.bin", 5_000_001)
    await page.evaluate(COUNT_WHAT_WORKERS_ARE_ASKED)
    await client.begin(path, checksum=algorithm)
    record = await client.record()
    assert record["checksum"]["algorithm"] == algorithm
    assert await page.evaluate("asked") == (1 if own else 0)
    assert is_stored(person, record, path)


async def test_a_checksum_of_a_file_in_parts(
    client: ClientPage, person: Person, tmp_path: Path
) -> None:
    path = written(tmp_path / "film.bin", 12 * MIB + 5)
    await client.begin(path, policy="parts", checksum="crc64nvme")
    record = await client.record()
    assert record["checksum"]["type"] == "full_object"
    assert is_stored(person, record, path)


async def test_other_bytes_than_declared_are_refused(
    client: ClientPage, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)

    async def falsified(route: Route) -> None:
        body = dict(route.request.post_data_json)
        body["checksum"] = {"algorithm": "crc64nvme", "value": "AAAAAAAAAAA="}
        await route.continue_(post_data=body)

    await client.page.route("**/presigned-url", falsified)
    await client.begin(written(tmp_path / "note.bin", 1000), checksum="crc64nvme")
    outcome = await client.outcome()
    assert (outcome["name"], outcome["code"]) == ("StoreError", "store_refused")
    assert "BadDigest" in outcome["message"] or outcome["status"] == 400


async def test_a_file_that_changed_is_told(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)
    path = written(tmp_path / "note.bin", 1000)
    await client.page.set_input_files("#files", path)
    written(path, 2000, seed=1)
    await client.page.evaluate("begin()")
    assert (await client.outcome())["code"] == "file_unreadable"
    (record,) = person.files()
    assert record["status"] == "failed"


async def test_a_large_file_that_changed_is_told(client: ClientPage, tmp_path: Path) -> None:
    path = written(tmp_path / "film.bin", 6 * MIB)
    await client.page.set_input_files("#files", path)
    written(path, 6 * MIB + 1, seed=1)
    await client.page.evaluate("begin()")
    outcome = await client.outcome()
    assert (outcome["name"], outcome["code"]) == ("FileUnreadableError", "file_unreadable")


async def test_what_was_verified_at_once_may_be_completed(
    client: ClientPage, tmp_path: Path
) -> None:
    await client.begin(written(tmp_path / "note.bin", 1000), policy="done")
    assert (await client.record())["status"] == "completed"


async def test_a_callback_that_throws_fails_no_upload(
    client: ClientPage, tmp_path: Path, console: Console
) -> None:
    console.allow("the page's own fault")
    await client.page.set_input_files("#files", written(tmp_path / "note.bin", 1000))
    status = await client.page.evaluate("""async () => {
      const onProgress = () => { throw new Error("the page's own fault"); };
      const record = await slipway.upload(document.querySelector("#files").files[0], {onProgress});
      return record.status;
    }""")
    assert status == "uploaded"


async def test_a_failed_upload_can_be_cancelled(
    client: ClientPage, person: Person, tmp_path: Path, console: Console
) -> None:
    console.allow(HTTP_TROUBLE)

    async def refused(route: Route) -> None:
        headers = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(status=400, headers=headers, body="<Code>BadDigest</Code>")

    await client.page.route(f"{client.cable.url}/**", refused)
    await client.begin(written(tmp_path / "note.bin", 1000))
    outcome = await client.outcome()
    assert (outcome["code"], outcome["status"]) == ("store_refused", 400)
    await client.do("cancel")
    (record,) = person.files()
    assert record["status"] == "failed"
