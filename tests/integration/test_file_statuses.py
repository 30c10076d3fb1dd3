"""Many reports in one call, on a real database and a real store."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.support.service import User, send, serving

MANY = 1000

Record = dict[str, Any]


async def ask_many(user: User, count: int, **wish: Any) -> list[Record]:
    plain = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
    answer = await user.call("POST", "/presigned-urls", json={"files": [plain | wish] * count})
    assert answer.status_code == 201, answer.text
    return list(answer.json()["items"])


async def send_all(records: list[Record], content: bytes = b"hello") -> None:
    limits = httpx.Limits(max_connections=8)
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60, limits=limits) as http:
        slots = asyncio.Semaphore(8)

        async def one(record: Record) -> None:
            async with slots:
                answer = await http.put(record["url"], content=content, headers=record["headers"])
                assert answer.status_code == 200, answer.text

        await asyncio.gather(*map(one, records))


def item(record: Record, status: str = "uploaded", **more: Any) -> Record:
    return {"id": record["id"], "status": status, **more}


async def report(user: User, *items: Record, **options: Any) -> list[Record]:
    answer = await user.call("PUT", "/file-statuses", json={"items": items}, **options)
    assert answer.status_code == 200, answer.text
    results = list(answer.json()["items"])
    assert [result["id"] for result in results] == [item["id"] for item in items]
    assert all((result["file"] is None) is not (result["problem"] is None) for result in results)
    return results


def outcomes(results: list[Record]) -> list[str]:
    return [r["problem"]["code"] if r["problem"] else r["file"]["status"] for r in results]


async def test_one_bad_item_loses_nothing(user: User, other: User) -> None:
    arrived, short, absent = await ask_many(user, 3, file_size=5)
    foreign = await other.upload()
    await send_all([arrived])
    forged = await user.ask(b"hello", type="text/html")
    await send(forged, b"hello")
    await user.move(forged, "failed")

    results = await report(
        user,
        item(absent),
        item(foreign),
        item({"id": str(uuid.uuid4())}),
        item(arrived),
        item(short, "failed", reason="the user gave up"),
        item(forged),
    )

    assert outcomes(results) == [
        "object_missing",
        "not_found",
        "not_found",
        "uploaded",
        "failed",
        "illegal_transition",
    ]
    assert results[1]["problem"] | {"id": 0} == results[2]["problem"] | {"id": 0}
    assert results[5]["problem"]["from"] == "failed"
    assert results[4]["file"]["status_reason"] == "the user gave up"
    assert (await user.call("GET", f"/files/{arrived['id']}")).json() == results[3]["file"]
    assert await other.trail(foreign) == [(None, "pending")]
    assert await user.trail(absent) == [(None, "pending")]
    single = (await user.move(absent, "uploaded")).json()
    unlike = {"request_id": None}
    assert results[0]["problem"] | unlike == single | {"errors": []} | unlike


async def test_a_thousand_in_one_call_again_and_beside_single_ones(user: User) -> None:
    records = await ask_many(user, MANY)
    await send_all(records)
    items = [item(record) for record in records]

    both = asyncio.gather(report(user, *items), report(user, *reversed(items)))
    singles = await asyncio.gather(*(user.move(record, "uploaded") for record in records[::100]))
    for results in await both:
        assert outcomes(results) == ["uploaded"] * MANY
    assert {answer.status_code for answer in singles} == {200}
    assert outcomes(await report(user, *items)) == ["uploaded"] * MANY
    for record in records[::100]:
        assert await user.trail(record) == [(None, "pending"), ("pending", "uploaded")]


async def test_the_same_events_as_for_single_calls(user: User) -> None:
    record = await user.upload()
    single = await user.upload()
    await report(user, item(record, "completed"))
    await user.move(single, "completed")
    trails = [
        (await user.call("GET", f"/files/{r['id']}/events")).json()["items"]
        for r in (record, single)
    ]
    told = [[(e["event"], e["actor"], e["from"], e["to"]) for e in trail] for trail in trails]
    assert told[0] == told[1]
    assert len(told[0]) == 3


async def test_what_needs_another_scope_says_so_for_itself(user: User) -> None:
    done, waiting = await user.upload(), await user.upload()
    await report(user, item(done))
    mixed = await report(user, item(done, "processing"), item(waiting))
    assert outcomes(mixed) == ["forbidden", "uploaded"]
    moved = await report(user, item(done, "processing"), scope="files:process")
    assert outcomes(moved) == ["processing"]


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "items"),
        ([{"id": str(uuid.uuid4()), "status": "failed"}] * 1001, "items"),
        ([{"id": str(uuid.UUID(int=7)), "status": s} for s in ("uploaded", "failed")], "items"),
        ([{"status": "failed"}], "items.0.id"),
        ([{"id": str(uuid.UUID(int=7)), "status": "lost"}], "items.0.status"),
        ([{"id": str(uuid.UUID(int=7)), "key": "a", "status": "failed"}], "items.0.key"),
        (
            [{"id": str(uuid.UUID(int=7)), "status": "failed", "reason": "a\nb"}],
            "items.0.reason",
        ),
    ],
)
async def test_a_call_that_breaks_a_rule_does_nothing(
    user: User, items: list[Record], field: str
) -> None:
    record = await user.ask()
    answer = await user.call(
        "PUT", "/file-statuses", json={"items": [*items, item(record, "failed")] if items else []}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await user.trail(record) == [(None, "pending")]


async def test_the_limit_counts_it_as_one(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"rate_limit": "3/hour"})) as api:
        user = User(api)
        records = await ask_many(user, 20)
        for _ in range(2):
            assert outcomes(await report(user, *(item(r, "failed") for r in records)))
        answer = await user.call("PUT", "/file-statuses", json={"items": [item(records[0])]})
        assert answer.status_code == 429


async def test_it_is_counted(user: User) -> None:
    await report(user, item(await user.ask(), "failed"), item({"id": str(uuid.uuid4())}))
    metrics = (await user.api.get("/metrics")).text
    for outcome in ("done", "not_found"):
        assert f'slipway_status_reports_total{{outcome="{outcome}"}}' in metrics
