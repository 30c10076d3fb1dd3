"""The client's small modules, in Chromium, by numbers."""

import base64
import hashlib
import random

import pytest
from playwright.async_api import Page

from tests.browser.client_page import CLIENT
from tests.browser.site import Site

DIGEST = """async ([url, name, text, cuts]) => {
  const { [name]: Digest } = await import(url);
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const digest = new Digest();
  let start = 0;
  for (const end of [...cuts, bytes.length]) digest.update(bytes.subarray(start, start = end));
  return digest.value();
}"""


@pytest.fixture
def modules(site: Site) -> str:
    return f"{site.mount('client-js', CLIENT)}/lib"


async def digest(page: Page, url: str, name: str, content: bytes, cuts: list[int]) -> bytes:
    given = [url, name, base64.b64encode(content).decode(), cuts]
    return base64.b64decode(await page.evaluate(DIGEST, given))


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 10_000])
async def test_sha256(page: Page, site: Site, modules: str, length: int) -> None:
    noise = random.Random(length)
    content = noise.randbytes(length)
    cuts = sorted(noise.sample(range(length + 1), min(length, 5)))
    await page.goto(f"{site.url}/blank.html")
    found = await digest(page, f"{modules}/sha256.js", "Sha256", content, cuts)
    assert found == hashlib.sha256(content).digest()


@pytest.mark.parametrize("cuts", [[], [1], [3, 8], [1, 2, 3, 4, 5, 6, 7, 8]])
async def test_crc64nvme(page: Page, site: Site, modules: str, cuts: list[int]) -> None:
    """The check value of the catalogue of CRCs: https://reveng.sourceforge.io/crc-catalogue/."""
    await page.goto(f"{site.url}/blank.html")
    found = await digest(page, f"{modules}/crc64nvme.js", "Crc64Nvme", b"123456789", cuts)
    assert found.hex() == "ae8b14860a799888"


async def test_the_meter_tells_rate_and_time_left(page: Page, site: Site, modules: str) -> None:
    await page.goto(f"{site.url}/blank.html")
    values = await page.evaluate(
        """async (url) => {
          const { Meter } = await import(url);
          let now = 0, reports = 0;
          const meter = new Meter(1000, () => reports++, () => now);
          const at = (time, bytes) => { now = time; meter.add(bytes); return meter.value; };
          meter.begin(100);
          const found = [at(0, 0), at(50, 100), at(1000, 100), at(2000, -50), at(9000, 750)];
          return [found, reports];
        }""",
        f"{modules}/meter.js",
    )
    found, reports = values
    assert [at["loaded"] for at in found] == [100, 200, 300, 250, 1000]
    assert [at["rate"] for at in found] == [0, 0, 200, 75, 0]
    assert [at["timeLeft"] for at in found] == [None, None, 3.5, 10, 0]
    assert reports == 4  # at most ten a second


async def test_the_meter_forgets_a_rate_that_is_no_more(
    page: Page, site: Site, modules: str
) -> None:
    await page.goto(f"{site.url}/blank.html")
    rates = await page.evaluate(
        """async (url) => {
          const { Meter } = await import(url);
          let now = 0;
          const meter = new Meter(10_000, () => {}, () => now);
          for (now of [0, 1000]) meter.add(1000);
          const at = (time) => ((now = time), [meter.value.rate, meter.value.timeLeft]);
          return [at(1000), at(4000), at(7000)];
        }""",
        f"{modules}/meter.js",
    )
    assert rates == [[1000, 8], [250, 32], [0, None]]


CREATION = """async ([url, sizes, replies]) => {
  const { Creation } = await import(`${url}/creation.js`);
  const { ServiceError } = await import(`${url}/errors.js`);
  const { Valve } = await import(`${url}/valve.js`);
  const calls = [];
  const create = async (wishes) => {
    calls.push(wishes.length);
    const refusal = replies.find((reply) => reply.of === wishes.length);
    if (refusal) throw new ServiceError(422, refusal.problem);
    return wishes.map(({ n }) => ({ n }));
  };
  const creation = new Creation({ create });
  const one = async (file_size, n) => {
    const wish = { file_size, n };
    try {
      return (await creation.of(wish, new Valve())).n;
    } catch (error) {
      return error.code;
    } finally {
      creation.over(wish);
    }
  };
  return [await Promise.all(sizes.map(one)), calls];
}"""
MIB = 2**20


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [
        ([1000] * 1001, [1000, 1]),
        ([1000, 1000, 8 * MIB, 1000], [1, 3]),
        ([7 * MIB] * 20, [18, 2]),
    ],
    ids=["a thousand at once", "a large one alone", "as many as are sent in time"],
)
async def test_small_files_are_asked_for_together(
    page: Page, site: Site, modules: str, sizes: list[int], calls: list[int]
) -> None:
    await page.goto(f"{site.url}/blank.html")
    outcomes, made = await page.evaluate(CREATION, [modules, sizes, []])
    assert (outcomes, made) == ([*range(len(sizes))], calls)


async def test_a_batch_that_is_refused_is_asked_for_without_the_culprit(
    page: Page, site: Site, modules: str
) -> None:
    await page.goto(f"{site.url}/blank.html")
    culprit = {"code": "type_not_allowed", "errors": [{"field": "files.2.type"}]}
    replies = [
        {"of": 5, "problem": {"code": "quota_exceeded"}},  # then by halves
        {"of": 3, "problem": culprit},
    ]
    found = await page.evaluate(CREATION, [modules, [10] * 5, replies])
    assert found == [[0, 1, 2, 3, "type_not_allowed"], [5, 2, 3, 2]]


async def test_nobody_asks_for_what_was_given_up_before_its_turn(
    page: Page, site: Site, modules: str
) -> None:
    await page.goto(f"{site.url}/blank.html")
    found = await page.evaluate(
        """async (url) => {
          const { Creation } = await import(`${url}/creation.js`);
          const { Valve } = await import(`${url}/valve.js`);
          const calls = [];
          const create = async (wishes) => (calls.push(wishes.map(({ n }) => n)), wishes);
          const creation = new Creation({ create });
          const one = (n) => {
            const valve = new Valve();
            return [valve, creation.of({ n, file_size: 1 }, valve).catch((error) => error.code)];
          };
          const [[first, given], [, granted]] = [one(1), one(2)];
          creation.forget(first);
          const found = [await given, (await granted).n];
          const [last, never] = one(3);
          creation.forget(last);
          await new Promise((resolve) => setTimeout(resolve));
          return [...found, await never, (await one(4)[1]).n, calls];
        }""",
        modules,
    )
    assert found == ["cancelled", 2, "cancelled", 4, [[2], [4]]]


async def test_the_journal_keeps_no_names_of_uploads_that_have_ended(
    page: Page, site: Site, modules: str
) -> None:
    await page.goto(f"{site.url}/blank.html")
    found = await page.evaluate(
        """async (url) => {
          const { Journal } = await import(url);
          const { now } = Date;
          Date.now = () => now() - 29 * 24 * 3600 * 1000;
          await new Journal("here").note("old", 1);
          Date.now = now;
          await new Journal("here").note("new", 2);
          const journal = new Journal("here");
          const ids = [await journal.find("old"), await journal.find("new")];
          const opening = indexedDB.open("slipway");
          await new Promise((resolve) => (opening.onsuccess = resolve));
          const keys = opening.result.transaction("uploads").objectStore("uploads").getAllKeys();
          await new Promise((resolve) => (keys.onsuccess = resolve));
          return [ids, keys.result];
        }""",
        f"{modules}/journal.js",
    )
    assert found == [[None, 2], ["here new"]]


async def test_the_pace_grows_while_that_pays(page: Page, site: Site, modules: str) -> None:
    await page.goto(f"{site.url}/blank.html")
    limits = await page.evaluate(
        """async (url) => {
          const { Pace } = await import(url);
          let now = 0;
          const pace = new Pace(() => now);
          const window = (bytes) => {
            pace.sent(0);
            now += 2000;
            pace.sent(bytes);
            return pace.limit;
          };
          const grown = [100, 200, 300, 400].map(window);
          const fell = [400, 300, 200].map(window);
          for (let i = 0; i < 20; i++) pace.failed();
          return [grown, fell, pace.limit];
        }""",
        f"{modules}/pace.js",
    )
    assert limits == [[7, 8, 8, 8], [7, 8, 7], 3]


async def test_the_pace_takes_no_rate_of_idle_time(page: Page, site: Site, modules: str) -> None:
    await page.goto(f"{site.url}/blank.html")
    limits = await page.evaluate(
        """async (url) => {
          const { Pace } = await import(url);
          let now = 0;
          const pace = new Pace(() => now);
          const file = () => pace.run(async () => {
            pace.sent(100);
            now += 2000;
            pace.sent(100);
            return pace.limit;
          });
          const found = [await file()];
          now += 600_000;
          found.push(await pace.run(() => (pace.sent(100), pace.limit)));
          return found;
        }""",
        f"{modules}/pace.js",
    )
    assert limits == [7, 7]
