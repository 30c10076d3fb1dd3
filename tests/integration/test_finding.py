"""Finding one's files by name, and seeing one's uploads over time, over HTTP."""

from datetime import UTC, datetime

import pytest

from app.service import file_storage
from tests.support.service import User


async def names(user: User, **query: str | int) -> tuple[list[str], str | None]:
    answer = await user.call("GET", "/files", params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [item["filename"] for item in page["items"]], page["next_cursor"]


async def test_files_are_found_by_a_part_of_their_name(user: User, other: User) -> None:
    for name in ("Report 2025.pdf", "cat.png", "ÜBER uns – 日本語.txt", "report final.pdf"):
        await user.ask(filename=name)
    await other.ask(filename="report.txt")

    assert await names(user, q="REPORT") == (["report final.pdf", "Report 2025.pdf"], None)
    assert await names(user, q="u\u0308ber") == (["ÜBER uns – 日本語.txt"], None)
    assert await names(user, q="日本") == (["ÜBER uns – 日本語.txt"], None)
    assert await names(user, q="report", status="failed") == ([], None)
    for name in ("100% done", "100 done", "snake_case", "snakes case"):
        await user.ask(filename=name)
    assert await names(user, q="100%") == (["100% done"], None)
    assert await names(user, q="snake_") == (["snake_case"], None)


async def test_a_search_goes_on_beyond_what_one_page_looks_at(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_storage, "SEARCH_WINDOW", 2)
    for name in ("wanted 1", "a", "b", "wanted 2", "wanted 3"):
        await user.ask(filename=name)

    found, pages, cursor = [], 0, {}
    while cursor is not None:
        items, following = await names(user, q="wanted", limit=1, **cursor)
        found += items
        pages += 1
        cursor = None if following is None else {"cursor": following}
    assert (found, pages) == (["wanted 3", "wanted 2", "wanted 1"], 4)


@pytest.mark.parametrize("wrong", ["", "a/b", "a\\b", "a\nb", "\x00", "x" * 256])
async def test_what_no_name_holds_is_not_searched(user: User, wrong: str) -> None:
    answer = await user.call("GET", "/files", params={"q": wrong})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "q")


async def test_uploads_over_time_are_ones_own(user: User, other: User) -> None:
    record = await user.upload()
    await user.move(record, "uploaded")
    await user.move(await user.ask(), "failed")
    await other.ask()

    answer = await user.call("GET", "/usage/history", params={"count": 2})
    assert answer.status_code == 200, answer.text
    days = answer.json()["items"]
    assert [day["uploaded"] + day["failed"] for day in days] == [0, 2]
    assert (days[-1]["pending"], days[-1]["deleted"]) == (0, 0)
    assert datetime.fromisoformat(days[-1]["at"]).date() == datetime.now(UTC).date()


@pytest.mark.parametrize("wrong", [{"count": "49"}, {"count": "0"}, {"interval": "year"}])
async def test_it_looks_at_so_many_periods_and_no_more(user: User, wrong: dict[str, str]) -> None:
    answer = await user.call("GET", "/usage/history", params=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_both_ask_for_a_token_that_may_read(user: User) -> None:
    for path in ("/files?q=a", "/usage/history"):
        assert (await user.api.get(path)).status_code == 401
        assert (await user.call("GET", path, scope="files:write")).status_code == 403
