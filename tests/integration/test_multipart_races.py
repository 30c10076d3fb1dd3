"""Everything at once on one upload: one outcome, and nothing lost or left over."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from tests.support.multipart import (
    TWO_PARTS,
    Bucket,
    Clock,
    PartsService,
    Uploader,
    send_part,
    send_parts,
)


async def settle(service: PartsService, record: dict[str, Any]) -> None:
    """What the worker does sooner or later: the file's jobs, and the sweeps until all is dead."""
    await service.run_jobs(record)
    for days in (1, 3, 30):
        service.clock.offset = timedelta(days=days)
        await service.container.sweep.run()
    service.clock.offset = timedelta(0)


async def test_sixteen_completes_make_one_move(uploader: Uploader) -> None:
    for _ in range(4):
        record = await uploader.begin_and_send(TWO_PARTS)
        answers = await asyncio.gather(*(uploader.complete(record) for _ in range(16)))
        assert {(a.status_code, a.json()["status"]) for a in answers} == {(200, "uploaded")}
        assert len({a.json()["etag"] for a in answers}) == 1
        assert await uploader.trail(record) == [(None, "pending"), ("pending", "uploaded")]
        assert await uploader.content(record) == TWO_PARTS


async def test_complete_against_abort_has_one_winner(
    uploader: Uploader, parts_service: PartsService, bucket: Bucket
) -> None:
    for _ in range(8):
        record = await uploader.begin_and_send(b"hello")
        calls = [uploader.complete(record), uploader.abort(record)] * 4
        answers = await asyncio.gather(*calls)
        final = (await uploader.look(record))["status"]
        assert {a.json()["status"] for a in answers if a.is_success} == {final}
        refusals = {(a.status_code, a.json()["code"]) for a in answers if not a.is_success}
        assert refusals <= {(409, "illegal_transition"), (410, "upload_expired")}
        assert (await uploader.trail(record))[1:] == [("pending", final)]
        await settle(parts_service, record)
        if final == "uploaded":
            assert await uploader.content(record) == b"hello"
            assert bucket.uploads(record["key"]) == []
        else:
            assert bucket.is_clear_of(record["key"])


async def test_complete_against_delete_leaves_nothing(
    uploader: Uploader, parts_service: PartsService, bucket: Bucket
) -> None:
    for _ in range(8):
        record = await uploader.begin_and_send(b"hello")
        calls = [uploader.complete(record), uploader.delete(record)] * 4
        answers = await asyncio.gather(*calls)
        deletions = Counter(a.status_code for a in answers[1::2])
        assert deletions[204] >= 1
        assert set(deletions) <= {204, 404}
        assert {a.status_code for a in answers[::2]} <= {200, 404, 410}
        assert (await uploader.call("GET", f"/files/{record['id']}")).status_code == 404
        await settle(parts_service, record)
        assert bucket.is_clear_of(record["key"])


async def test_abort_against_parts_under_way_leaves_nothing(
    uploader: Uploader, parts_service: PartsService, bucket: Bucket
) -> None:
    for _ in range(4):
        record = await uploader.begin(TWO_PARTS)
        urls = [part["url"] for part in record["multipart"]["parts"]] * 2
        sending = [send_part(url, b"x" * 100_000) for url in urls]
        *sent, answer = await asyncio.gather(*sending, uploader.abort(record))
        assert answer.status_code in (200, 500)
        assert {a.status_code for a in sent} <= {200, 404}
        await settle(parts_service, record)
        assert bucket.is_clear_of(record["key"])


async def test_sixty_four_askers_for_urls_lose_nothing(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS, expires_in=1)
    lives = [60 + 10 * n for n in range(64)]
    answers = await asyncio.gather(
        *(
            uploader.parts_of(record, "POST", json={"part_numbers": [1, 2], "expires_in": life})
            for life in lives
        )
    )
    assert Counter(a.status_code for a in answers) == {200: 64}
    newest = max(a.json()["expires_at"] for a in answers)
    assert (await uploader.look(record))["expires_at"] == newest
    assert Counter(await uploader.events(record)) == {"created": 1, "url_issued": 64}
    await send_parts(record, TWO_PARTS, answers[7].json()["parts"])
    assert (await uploader.complete(record)).status_code == 200


async def test_askers_do_not_keep_an_upload_from_completing(uploader: Uploader) -> None:
    record = await uploader.begin_and_send(b"hello")
    asking = [uploader.parts_of(record, "POST", json={"part_numbers": [1]}) for _ in range(32)]
    *asked, completed = await asyncio.gather(*asking, uploader.complete(record))
    assert (completed.status_code, completed.json()["status"]) == (200, "uploaded")
    assert {a.status_code for a in asked} <= {200, 410}


async def test_one_key_sixteen_times_begins_one_upload(uploader: Uploader, bucket: Bucket) -> None:
    """Whichever answer the client keeps, its URLs lead to the upload that completes."""
    body = {"filename": "a", "type": "text/plain", "file_size": 5, "method": "multipart"}
    for turn in range(4):
        key = {"Idempotency-Key": f"race {turn}"}
        answers = await asyncio.gather(
            *(uploader.call("POST", "/presigned-url", json=body, headers=key) for _ in range(16))
        )
        assert Counter(a.status_code for a in answers) == {201: 1, 200: 15}, answers[0].text
        records = [a.json() for a in answers]
        assert len({record["id"] for record in records}) == 1
        assert len(bucket.uploads(records[0]["key"])) == 1
        await send_parts(records[turn], b"hello")
        assert (await uploader.complete(records[0])).status_code == 200


async def test_the_sweep_against_the_client_at_the_very_end(
    uploader: Uploader, clock: Clock, parts_service: PartsService, bucket: Bucket
) -> None:
    whole = await uploader.begin_and_send(b"hello")
    half = await uploader.begin(TWO_PARTS)
    clock.offset = timedelta(days=8)
    await asyncio.gather(
        parts_service.container.sweep.run(),
        parts_service.container.sweep.run(),
        *(uploader.complete(record) for record in (whole, half)),
        uploader.abort(half),
    )
    assert (await uploader.look(whole))["status"] == "uploaded"
    assert (await uploader.look(half))["status"] == "failed"
    assert len(await uploader.trail(whole)) == len(await uploader.trail(half)) == 2
    await settle(parts_service, half)
    assert await uploader.content(whole) == b"hello"
    assert bucket.is_clear_of(half["key"])
