"""A file in parts over HTTP with real bytes: begin, send, resume, complete, give up."""

import asyncio
import hashlib
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.domain.parts import MIB, MIN_PART_SIZE
from tests.support.multipart import (
    THREE_PARTS,
    TWO_PARTS,
    Bucket,
    Clock,
    PartsService,
    Uploader,
    piece,
    send_part,
    send_parts,
)


async def test_from_asking_to_completed(uploader: Uploader, bucket: Bucket) -> None:
    record = await uploader.begin(THREE_PARTS)
    assert (record["method"], record["url"], record["headers"]) == ("multipart", None, {})
    plan = record["multipart"]
    assert (plan["part_size"], plan["part_count"], plan["next_part"]) == (MIN_PART_SIZE, 3, None)
    assert [part["part_number"] for part in plan["parts"]] == [1, 2, 3]
    assert [part["size"] for part in plan["parts"]] == [MIN_PART_SIZE, MIN_PART_SIZE, 8]

    await send_parts(record, THREE_PARTS)
    uploaded = (await uploader.complete(record)).json()
    assert (uploaded["status"], uploaded["observed_size"]) == ("uploaded", len(THREE_PARTS))
    assert uploaded["multipart"]["parts"] == []
    assert (await uploader.move(record, "completed")).json()["status"] == "completed"
    assert await uploader.content(record) == THREE_PARTS
    assert bucket.uploads(record["key"]) == []
    assert await uploader.trail(record) == [
        (None, "pending"),
        ("pending", "uploaded"),
        ("uploaded", "completed"),
    ]


@pytest.mark.parametrize("content", [b"", b"x"], ids=["empty", "one byte"])
async def test_a_small_file_is_one_part(uploader: Uploader, content: bytes) -> None:
    record = await uploader.begin_and_send(content)
    assert record["multipart"]["part_count"] == 1
    assert (await uploader.complete(record)).json()["observed_size"] == len(content)
    assert await uploader.content(record) == content


async def test_parts_in_any_order_and_sent_again(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS)
    first, second = record["multipart"]["parts"]
    await send_parts(record, TWO_PARTS, [second])
    await send_parts(record, TWO_PARTS, [first])
    await send_parts(record, TWO_PARTS, [first])
    assert (await uploader.complete(record)).status_code == 200
    assert await uploader.content(record) == TWO_PARTS


@pytest.mark.parametrize("quoted", [True, False])
async def test_completing_with_the_clients_own_list(uploader: Uploader, quoted: bool) -> None:
    record = await uploader.begin(TWO_PARTS)
    parts = await send_parts(record, TWO_PARTS)
    if not quoted:
        parts = [part | {"etag": part["etag"].strip('"')} for part in parts]
    answer = await uploader.complete(record, json={"parts": parts})
    assert (answer.status_code, answer.json()["status"]) == (200, "uploaded")


async def test_a_repeated_complete_changes_nothing(uploader: Uploader) -> None:
    record = await uploader.begin_and_send(b"hello")
    first = await uploader.complete(record)
    again = await uploader.complete(record, json={})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() | {"expires_in": 0} == again.json() | {"expires_in": 0}
    await uploader.move(record, "completed")
    assert (await uploader.complete(record)).json()["status"] == "completed"
    assert len(await uploader.trail(record)) == 3


async def test_what_has_arrived_and_what_has_not(uploader: Uploader) -> None:
    record = await uploader.begin(THREE_PARTS)
    assert await uploader.held(record) == {"parts": [], "missing": [[1, 3]], "uploaded_bytes": 0}
    [sent] = await send_parts(record, THREE_PARTS, [record["multipart"]["parts"][1]])
    assert await uploader.held(record) == {
        "parts": [{"part_number": 2, "size": MIN_PART_SIZE, "etag": sent["etag"].strip('"')}],
        "missing": [[1, 1], [3, 3]],
        "uploaded_bytes": MIN_PART_SIZE,
    }


async def test_a_finished_upload_lacks_no_part(uploader: Uploader) -> None:
    record = await uploader.begin_and_send(b"hello")
    await uploader.complete(record)
    assert await uploader.held(record) == {"parts": [], "missing": [], "uploaded_bytes": 5}


async def test_a_part_of_another_size_is_to_be_sent_again(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS)
    await send_part(record["multipart"]["parts"][0]["url"], b"too short")
    held = await uploader.held(record)
    assert (held["missing"], held["uploaded_bytes"]) == ([[1, 2]], 0)
    assert held["parts"][0]["size"] == 9


async def test_an_upload_goes_on_after_its_urls_have_expired(
    uploader: Uploader, clock: Clock
) -> None:
    """The laptop was closed over the night."""
    clock.offset = -timedelta(hours=12)
    record = await uploader.begin(TWO_PARTS)
    refused = await send_part(record["multipart"]["parts"][1]["url"], piece(record, TWO_PARTS, 2))
    assert refused.status_code == 403

    clock.offset = timedelta(0)
    [[first, last]] = (await uploader.held(record))["missing"]
    fresh = await uploader.sign(record, *range(first, last + 1))
    await send_parts(record, TWO_PARTS, fresh)
    assert (await uploader.complete(record)).status_code == 200
    assert await uploader.content(record) == TWO_PARTS
    events = ["created", "url_issued", "transition", "url_issued"]  # the last is the download's
    assert await uploader.events(record) == events


async def test_a_url_that_expires_in_mid_upload_loses_nothing(
    uploader: Uploader, clock: Clock
) -> None:
    record = await uploader.begin(TWO_PARTS)
    first, _ = record["multipart"]["parts"]
    await send_parts(record, TWO_PARTS, [first])
    clock.offset = -timedelta(hours=1)
    [dead] = await uploader.sign(record, 2)
    assert (await send_part(dead["url"], b"the rest")).status_code == 403

    clock.offset = timedelta(0)
    answer = await uploader.complete(record)
    assert (answer.status_code, answer.json()["missing"]) == (409, [[2, 2]])
    await send_parts(record, TWO_PARTS, await uploader.sign(record, 2))
    assert (await uploader.complete(record)).status_code == 200


async def test_asking_for_parts_is_a_sign_of_life(
    uploader: Uploader, clock: Clock, parts_service: PartsService
) -> None:
    record = await uploader.begin(b"hello")
    for days in (6, 12, 18):
        clock.offset = timedelta(days=days)
        await uploader.sign(record, 1)
        await parts_service.container.sweep.run()
    clock.offset = timedelta(days=26)
    ended = await uploader.parts_of(record, "POST", json={"part_numbers": [1]})
    assert (ended.status_code, ended.json()["code"]) == (410, "upload_expired")


async def test_no_sign_of_life_keeps_an_upload_beyond_28_days(
    uploader: Uploader, clock: Clock
) -> None:
    """The bucket's lifecycle rule would take its parts away."""
    record = await uploader.begin(b"hello")
    for days in range(6, 28, 6):
        clock.offset = timedelta(days=days)
        await uploader.sign(record, 1)
    clock.offset = timedelta(days=28)
    assert (await uploader.parts_of(record, "POST", json={"part_numbers": [1]})).status_code == 410


async def test_urls_come_as_asked_for(uploader: Uploader) -> None:
    record = await uploader.begin(THREE_PARTS, expires_in=60)
    answer = await uploader.parts_of(
        record, "POST", json={"part_numbers": [3, 1], "expires_in": 300}
    )
    asked = answer.json()
    assert [(part["part_number"], part["size"]) for part in asked["parts"]] == [
        (3, 8),
        (1, MIN_PART_SIZE),
    ]
    assert asked["expires_at"] > record["expires_at"]
    assert (await uploader.look(record))["expires_at"] == asked["expires_at"]
    # Earlier URLs live on: the record's end is that of the newest.
    await uploader.sign(record, 2, expires_in=1)
    assert (await uploader.look(record))["expires_at"] == asked["expires_at"]


async def test_ten_thousand_urls_at_once(uploader: Uploader) -> None:
    record = await uploader.begin(file_size=10_000 * MIN_PART_SIZE)
    plan = record["multipart"]
    assert (plan["part_count"], plan["next_part"]) == (10_000, 101)
    parts = await uploader.sign(record, *range(1, 10_001))
    assert [part["part_number"] for part in parts] == list(range(1, 10_001))
    assert len({part["url"] for part in parts}) == 10_000
    for number in (1, 5_000, 10_000):
        assert (await send_part(parts[number - 1]["url"], b"hello")).status_code == 200
    held = await uploader.held(record)
    assert [part["part_number"] for part in held["parts"]] == [1, 5_000, 10_000]
    assert (held["missing"], held["uploaded_bytes"]) == ([[1, 10_000]], 0)
    await uploader.abort(record)


async def test_a_part_under_way_when_its_url_expires_arrives(uploader: Uploader) -> None:
    record = await uploader.begin(b"hello", expires_in=6)
    ends = datetime.fromisoformat(record["expires_at"])

    async def slowly() -> AsyncIterator[bytes]:
        yield b"hel"
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.1)
        yield b"lo"

    url = record["multipart"]["parts"][0]["url"]
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        sent = await http.put(url, content=slowly(), headers={"Content-Length": "5"})
    assert sent.status_code == 200
    assert (await send_part(url, b"hello")).status_code == 403
    assert (await uploader.complete(record)).json()["status"] == "uploaded"


@pytest.mark.parametrize(
    ("size", "method"), [(MIN_PART_SIZE - 1, "PUT"), (MIN_PART_SIZE, "multipart")]
)
async def test_auto_follows_the_policys_threshold(
    uploader: Uploader, size: int, method: str
) -> None:
    record = await uploader.ask(file_size=size, method="auto")
    assert record["method"] == method
    assert (record["multipart"] is None) is (method == "PUT")


async def test_a_large_plan_grows_its_parts_and_gives_a_hundred_urls(uploader: Uploader) -> None:
    size = 100 * 1024 * MIB
    plan = (await uploader.begin(file_size=size))["multipart"]
    assert (plan["part_size"], plan["part_count"]) == (11 * MIB, -(-size // (11 * MIB)))
    assert [part["part_number"] for part in plan["parts"]] == list(range(1, 101))
    assert plan["next_part"] == 101


async def test_a_batch_of_mixed_methods(uploader: Uploader) -> None:
    plain = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
    files = [plain | {"method": method} for method in ("PUT", "multipart", "POST", "multipart")]
    answer = await uploader.call("POST", "/presigned-urls", json={"files": files})
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    assert [item["method"] for item in items] == ["PUT", "multipart", "POST", "multipart"]
    for item in (items[1], items[3]):
        await send_parts(item, b"hello")
        assert (await uploader.complete(item)).json()["status"] == "uploaded"
        assert await uploader.content(item) == b"hello"


@pytest.mark.parametrize("algorithm", ["crc32"])
async def test_a_declared_checksum_covers_all_parts(uploader: Uploader, algorithm: str) -> None:
    value = b64encode(zlib.crc32(TWO_PARTS).to_bytes(4, "big")).decode()
    checksum = {"algorithm": algorithm, "value": value}
    record = await uploader.begin_and_send(TWO_PARTS, checksum=checksum)
    assert record["checksum"] == checksum | {"type": "full_object"}
    assert (await uploader.complete(record)).json()["status"] == "uploaded"


async def test_parts_of_another_checksum_fail_the_file_and_go(
    uploader: Uploader, parts_service: PartsService, bucket: Bucket
) -> None:
    value = b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    record = await uploader.begin(checksum={"algorithm": "crc32", "value": value}, content=b"jello")
    await send_parts(record, b"jello")
    answer = await uploader.complete(record)
    assert (answer.status_code, answer.json()["code"]) == (409, "verification_failed")
    assert (await uploader.look(record))["status"] == "failed"
    assert not bucket.holds(record["key"])
    await parts_service.run_jobs(record)
    assert bucket.is_clear_of(record["key"])


async def test_a_checksum_that_parts_cannot_have_is_refused(uploader: Uploader) -> None:
    value = b64encode(hashlib.sha256(b"hello").digest()).decode()
    body: dict[str, Any] = {"filename": "a", "type": "a/b", "file_size": 5, "method": "multipart"}
    checksum = {"algorithm": "sha256", "value": value}
    answer = await uploader.call("POST", "/presigned-url", json=body | {"checksum": checksum})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "checksum")


async def test_auto_complete_completes(uploader: Uploader) -> None:
    record = await uploader.begin_and_send(b"hello", policy="auto")
    assert (await uploader.complete(record)).json()["status"] == "completed"
    assert (await uploader.complete(record)).json()["status"] == "completed"
    assert await uploader.trail(record) == [
        (None, "pending"),
        ("pending", "uploaded"),
        ("uploaded", "completed"),
    ]


async def test_a_repeated_key_leads_to_the_same_upload(uploader: Uploader, bucket: Bucket) -> None:
    body = {"filename": "a", "type": "text/plain", "file_size": 5, "method": "multipart"}
    key = {"Idempotency-Key": "once"}
    first = await uploader.call("POST", "/presigned-url", json=body, headers=key)
    again = await uploader.call("POST", "/presigned-url", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    record = again.json()
    assert record["id"] == first.json()["id"]
    assert len(bucket.uploads(record["key"])) == 1
    await send_parts(first.json(), b"hello")
    await send_parts(record, b"hello")
    await uploader.complete(record)
    done = await uploader.call("POST", "/presigned-url", json=body, headers=key)
    assert (done.status_code, done.json()["status"]) == (200, "uploaded")
    assert done.json()["multipart"]["parts"] == []


async def test_abort_removes_the_parts(uploader: Uploader, bucket: Bucket) -> None:
    record = await uploader.begin_and_send(TWO_PARTS)
    assert len(bucket.uploads(record["key"])) == 1
    for _ in range(2):
        answer = await uploader.abort(record)
        assert (answer.status_code, answer.json()["status"]) == (200, "failed")
        assert answer.json()["status_reason"] == "aborted"
    assert bucket.is_clear_of(record["key"])
    assert len(await uploader.trail(record)) == 2


async def test_failed_by_status_has_the_parts_removed(
    uploader: Uploader, parts_service: PartsService, bucket: Bucket
) -> None:
    record = await uploader.begin_and_send(b"hello")
    assert (await uploader.move(record, "failed")).status_code == 200
    await parts_service.run_jobs(record)
    assert bucket.is_clear_of(record["key"])


async def test_deleting_half_an_upload_leaves_no_part(uploader: Uploader, bucket: Bucket) -> None:
    record = await uploader.begin(TWO_PARTS)
    await send_parts(record, TWO_PARTS, record["multipart"]["parts"][:1])
    assert (await uploader.delete(record)).status_code == 204
    assert bucket.is_clear_of(record["key"])
    late = await send_part(record["multipart"]["parts"][1]["url"], b"the rest")
    assert late.status_code == 404
    assert bucket.is_clear_of(record["key"])


async def test_the_sweep_finishes_what_nobody_completed(
    uploader: Uploader, clock: Clock, parts_service: PartsService
) -> None:
    whole = await uploader.begin_and_send(TWO_PARTS)
    ending = await uploader.begin_and_send(b"hello", policy="auto")
    clock.offset = timedelta(days=8)
    await parts_service.container.sweep.run()
    assert (await uploader.look(whole))["status"] == "uploaded"
    assert (await uploader.look(ending))["status"] == "completed"
    assert await uploader.content(ending) == b"hello"


async def test_the_sweep_ends_what_is_not_whole(
    uploader: Uploader, clock: Clock, parts_service: PartsService, bucket: Bucket
) -> None:
    record = await uploader.begin(TWO_PARTS)
    await send_parts(record, TWO_PARTS, record["multipart"]["parts"][:1])
    clock.offset = timedelta(days=8)
    await parts_service.container.sweep.run()
    ended = await uploader.look(record)
    assert (ended["status"], ended["status_reason"]) == ("failed", "expired")
    await parts_service.run_jobs(record)
    assert bucket.is_clear_of(record["key"])
