"""Parts that must not be: wrong, foreign, late or never planned; and who may touch an upload."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.domain.parts import MIN_PART_SIZE
from tests.support.multipart import (
    THREE_PARTS,
    TWO_PARTS,
    Bucket,
    Clock,
    PartsService,
    Uploader,
    send_part,
    send_parts,
)

NOWHERE = {"id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"}


def incomplete(answer: httpx.Response) -> dict[str, Any]:
    """What a 409 says of the parts."""
    assert (answer.status_code, answer.json()["code"]) == (409, "parts_incomplete"), answer.text
    names = ("missing", "wrong_size", "wrong_etag")
    return {name: answer.json()[name] for name in names if answer.json().get(name)}


def field_of(answer: httpx.Response) -> str:
    """The field that a 422 names."""
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    return str(answer.json()["errors"][0]["field"])


async def test_missing_parts_are_named_and_the_upload_goes_on(uploader: Uploader) -> None:
    record = await uploader.begin(THREE_PARTS)
    urls = record["multipart"]["parts"]
    assert incomplete(await uploader.complete(record)) == {"missing": [[1, 3]]}
    await send_parts(record, THREE_PARTS, urls[1:2])
    assert incomplete(await uploader.complete(record)) == {"missing": [[1, 1], [3, 3]]}
    await send_parts(record, THREE_PARTS, [urls[0], urls[2]])
    assert (await uploader.complete(record)).status_code == 200
    assert await uploader.content(record) == THREE_PARTS


@pytest.mark.parametrize("wrong", [b"", b"the res", b"the rest!"])
async def test_a_wrongly_sized_part_is_named(
    uploader: Uploader, bucket: Bucket, wrong: bytes
) -> None:
    record = await uploader.begin(TWO_PARTS)
    first, last = record["multipart"]["parts"]
    await send_parts(record, TWO_PARTS, [first])
    await send_part(last["url"], wrong)
    assert incomplete(await uploader.complete(record)) == {"wrong_size": [[2, 2]]}
    assert not bucket.holds(record["key"])
    assert len(bucket.uploads(record["key"])) == 1


async def test_a_swapped_pair_of_parts_is_named(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS)
    first, last = record["multipart"]["parts"]
    await send_part(first["url"], b"the rest")
    await send_part(last["url"], TWO_PARTS[:MIN_PART_SIZE])
    assert incomplete(await uploader.complete(record)) == {"wrong_size": [[1, 2]]}


async def test_an_etag_that_is_not_the_stores_is_named(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS)
    first, last = await send_parts(record, TWO_PARTS)
    forged = {"part_number": 2, "etag": first["etag"]}
    answer = await uploader.complete(record, json={"parts": [first, forged]})
    assert incomplete(answer) == {"wrong_etag": [[2, 2]]}
    assert (await uploader.complete(record, json={"parts": [first, last]})).status_code == 200


async def test_a_part_that_the_client_left_out_is_missing(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS)
    _, last = await send_parts(record, TWO_PARTS)
    answer = await uploader.complete(record, json={"parts": [last]})
    assert incomplete(answer) == {"missing": [[1, 1]]}


@pytest.mark.parametrize(
    "numbers",
    [[2, 1], [1, 1, 2], [0, 1], [1, 10_001], [-1], ["1"], [1.5], [True]],
    ids=["order", "twice", "zero", "10001", "negative", "text", "fraction", "boolean"],
)
async def test_a_list_that_no_store_would_take_is_invalid(
    uploader: Uploader, numbers: list[Any]
) -> None:
    record = await uploader.begin(TWO_PARTS)
    parts = [{"part_number": number, "etag": "0" * 32} for number in numbers]
    field = field_of(await uploader.complete(record, json={"parts": parts}))
    assert field.startswith("parts")


@pytest.mark.parametrize(
    "numbers",
    [[], [0], [10_001], [-1], [1, 1], ["1"], [1.5], [True], None, list(range(1, 10_002))],
    ids=["none", "zero", "10001", "negative", "twice", "text", "fraction", "bool", "null", "many"],
)
async def test_part_numbers_that_cannot_be(uploader: Uploader, numbers: Any) -> None:
    record = await uploader.begin(TWO_PARTS)
    answer = await uploader.parts_of(record, "POST", json={"part_numbers": numbers})
    assert field_of(answer).startswith("part_numbers")


async def test_numbers_beyond_the_plan(uploader: Uploader) -> None:
    record = await uploader.begin(TWO_PARTS)
    answer = await uploader.parts_of(record, "POST", json={"part_numbers": [1, 2, 3]})
    assert field_of(answer) == "part_numbers"
    assert "1 to 2" in answer.json()["detail"]
    parts = [{"part_number": number, "etag": "0" * 32} for number in (1, 2, 3)]
    answer = await uploader.complete(record, json={"parts": parts})
    assert field_of(answer) == "parts"


@pytest.mark.parametrize("expires_in", [0, 901, 604_801])
async def test_urls_for_longer_than_the_policy_allows(uploader: Uploader, expires_in: int) -> None:
    record = await uploader.begin(TWO_PARTS)
    body = {"part_numbers": [1], "expires_in": expires_in}
    assert field_of(await uploader.parts_of(record, "POST", json=body)) == "expires_in"


async def test_a_part_that_nobody_planned_is_left_out(uploader: Uploader, bucket: Bucket) -> None:
    """Somebody with the keys of the bucket put a third part beside the two."""
    record = await uploader.begin_and_send(TWO_PARTS)
    [upload_id] = bucket.uploads(record["key"])
    bucket.s3.upload_part(
        Bucket=bucket.name, Key=record["key"], UploadId=upload_id, PartNumber=3, Body=b"more"
    )
    held = await uploader.held(record)
    assert (held["missing"], held["uploaded_bytes"]) == ([], len(TWO_PARTS))
    assert (await uploader.complete(record)).status_code == 200
    assert await uploader.content(record) == TWO_PARTS


@pytest.mark.parametrize("change", [("partNumber=1", "partNumber=2"), ("uploadId=", "uploadId=x")])
async def test_a_part_url_is_for_its_part_alone(
    uploader: Uploader, change: tuple[str, str]
) -> None:
    record = await uploader.begin(TWO_PARTS)
    url = record["multipart"]["parts"][0]["url"]
    assert change[0] in url
    answer = await send_part(url.replace(*change), b"hello")
    assert answer.status_code == 403
    assert (await uploader.held(record))["parts"] == []


async def test_a_finished_upload_takes_no_more_parts(uploader: Uploader) -> None:
    record = await uploader.begin_and_send(b"hello")
    await uploader.complete(record)
    late = await send_part(record["multipart"]["parts"][0]["url"], b"jello")
    assert late.status_code == 404
    assert await uploader.content(record) == b"hello"
    more = await uploader.parts_of(record, "POST", json={"part_numbers": [1]})
    assert (more.status_code, more.json()["code"]) == (410, "upload_expired")
    assert (await uploader.abort(record)).json()["code"] == "illegal_transition"


async def test_after_an_abort_nothing_goes_on(uploader: Uploader, bucket: Bucket) -> None:
    record = await uploader.begin_and_send(b"hello")
    assert (await uploader.abort(record)).status_code == 200
    late = await send_part(record["multipart"]["parts"][0]["url"], b"hello")
    assert late.status_code == 404
    answers = {
        "sign": await uploader.parts_of(record, "POST", json={"part_numbers": [1]}),
        "list": await uploader.parts_of(record, "GET"),
        "complete": await uploader.complete(record),
        "uploaded": await uploader.move(record, "uploaded"),
        "download": await uploader.call("POST", f"/files/{record['id']}/download-url"),
    }
    assert {name: (a.status_code, a.json()["code"]) for name, a in answers.items()} == {
        "sign": (410, "upload_expired"),
        "list": (410, "upload_expired"),
        "complete": (409, "illegal_transition"),
        "uploaded": (409, "illegal_transition"),
        "download": (409, "object_missing"),
    }
    assert (await uploader.abort(record)).status_code == 200
    assert (await uploader.delete(record)).status_code == 204
    assert (await uploader.abort(record)).status_code == 404
    assert bucket.is_clear_of(record["key"])


async def test_an_upload_aborted_at_the_store_says_so(uploader: Uploader, bucket: Bucket) -> None:
    """By an operator or a lifecycle rule."""
    record = await uploader.begin_and_send(b"hello")
    [upload_id] = bucket.uploads(record["key"])
    bucket.s3.abort_multipart_upload(Bucket=bucket.name, Key=record["key"], UploadId=upload_id)
    for answer in (await uploader.complete(record), await uploader.parts_of(record, "GET")):
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")


async def test_an_upload_completed_at_the_store_is_found(
    uploader: Uploader, bucket: Bucket
) -> None:
    """The answer to CompleteMultipartUpload was lost, and the process with it."""
    record = await uploader.begin(b"hello")
    [part] = await send_parts(record, b"hello")
    [upload_id] = bucket.uploads(record["key"])
    bucket.s3.complete_multipart_upload(
        Bucket=bucket.name,
        Key=record["key"],
        UploadId=upload_id,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["etag"]}]},
    )
    assert await uploader.held(record) == {"parts": [], "missing": [], "uploaded_bytes": 5}
    assert (await uploader.complete(record)).json()["status"] == "uploaded"


async def test_completing_writes_once(
    uploader: Uploader, parts_service: PartsService, bucket: Bucket
) -> None:
    """An object that came under the key by other means is judged as it is, never replaced."""
    record = await uploader.begin_and_send(b"hello")
    bucket.s3.put_object(
        Bucket=bucket.name, Key=record["key"], Body=b"hullo!", ContentType="text/plain"
    )
    answer = await uploader.complete(record)
    assert (answer.status_code, answer.json()["code"]) == (409, "verification_failed")
    assert not bucket.holds(record["key"])
    await parts_service.run_jobs(record)
    assert bucket.is_clear_of(record["key"])


async def test_an_ended_upload_gives_no_more_urls(uploader: Uploader, clock: Clock) -> None:
    body = {"filename": "a", "type": "text/plain", "file_size": 5, "method": "multipart"}
    body["policy"], key = "brief", {"Idempotency-Key": "ended"}
    created = await uploader.call("POST", "/presigned-url", json=body, headers=key)
    record = created.json()
    await send_parts(record, b"hello")
    clock.offset = timedelta(seconds=61)
    again = await uploader.call("POST", "/presigned-url", json=body, headers=key)
    urls = await uploader.parts_of(record, "POST", json={"part_numbers": [1]})
    for answer in (again, urls):
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
    # What is whole can still be completed: nothing has been lost yet.
    assert (await uploader.complete(record)).json()["status"] == "uploaded"


async def test_reporting_before_completing_names_the_way(uploader: Uploader) -> None:
    record = await uploader.begin_and_send(b"hello")
    for status in ("uploaded", "completed"):
        answer = await uploader.move(record, status)
        assert (answer.status_code, answer.json()["code"]) == (409, "object_missing")
        assert "/files/{id}/complete" in answer.json()["detail"]
    assert (await uploader.complete(record)).status_code == 200
    assert (await uploader.move(record, "uploaded")).status_code == 200


async def test_a_put_has_no_parts(uploader: Uploader) -> None:
    record = await uploader.ask(b"hello")
    for answer in (
        await uploader.parts_of(record, "POST", json={"part_numbers": [1]}),
        await uploader.parts_of(record, "GET"),
        await uploader.complete(record),
        await uploader.abort(record),
    ):
        assert answer.status_code == 422
        assert "multipart" in answer.json()["detail"]
    assert (await uploader.look(record))["status"] == "pending"


DOORS = {
    ("POST", "parts"): {"part_numbers": [1]},
    ("GET", "parts"): None,
    ("POST", "complete"): {},
    ("POST", "abort"): None,
}


async def test_another_owner_meets_the_answer_of_a_file_that_does_not_exist(
    uploader: Uploader, stranger: Uploader, bucket: Bucket
) -> None:
    record = await uploader.begin_and_send(b"hello")

    async def answers(file: dict[str, Any]) -> list[tuple[int, str, str]]:
        found = []
        for scope in (None, "files:read files:write files:process admin"):
            for (method, door), body in DOORS.items():
                path = f"/files/{file['id']}/{door}"
                found.append(await stranger.call(method, path, scope=scope, json=body))
        return [(a.status_code, a.json()["code"], a.json()["detail"]) for a in found]

    theirs = await answers(record)
    assert theirs == await answers(NOWHERE)
    assert {status for status, _, _ in theirs} == {404}
    assert await uploader.events(record) == ["created"]
    assert len(bucket.uploads(record["key"])) == 1
    assert (await uploader.complete(record)).status_code == 200


async def test_every_door_wants_a_token_with_its_scope(uploader: Uploader) -> None:
    record = await uploader.begin(b"hello")
    for (method, door), body in DOORS.items():
        path = f"/files/{record['id']}/{door}"
        bare = await uploader.api.request(method, path, json=body)
        assert (bare.status_code, bare.json()["code"]) == (401, "unauthorized")
        assert bare.headers["www-authenticate"].startswith("Bearer")
        others = ("files:read" if method == "POST" else "files:write", "files:process", "admin", "")
        for scope in others:
            answer = await uploader.call(method, path, scope=scope, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (door, scope)
    assert await uploader.events(record) == ["created"]


@pytest.mark.parametrize("id", ["x", "0199f3a1", "%2e%2e", "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d'"])
async def test_an_id_that_is_none(uploader: Uploader, id: str) -> None:
    for (method, door), body in DOORS.items():
        answer = await uploader.call(method, f"/files/{id}/{door}", json=body)
        assert answer.status_code in (404, 422)


async def test_a_forged_upload_id_or_key_in_the_body_is_refused(uploader: Uploader) -> None:
    record = await uploader.begin(b"hello")
    for extra in ({"upload_id": "x"}, {"key": "uploads/other"}):
        answer = await uploader.parts_of(record, "POST", json={"part_numbers": [1], **extra})
        assert answer.status_code == 422
        assert (await uploader.complete(record, json=extra)).status_code == 422


async def test_nothing_signed_is_logged(
    uploader: Uploader, bucket: Bucket, capfd: pytest.CaptureFixture[str]
) -> None:
    record = await uploader.begin(TWO_PARTS)
    [upload_id] = bucket.uploads(record["key"])
    await uploader.sign(record, 1, 2)
    await send_parts(record, TWO_PARTS)
    await uploader.complete(record)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[0] == "{"]
    ours = [line for line in lines if line.get("logger") != "httpx"]  # the test's own client
    assert {line["route"] for line in ours if line["event"] == "request"} >= {
        "/presigned-url",
        "/files/{id}/parts",
        "/files/{id}/complete",
    }
    told = json.dumps(ours)
    assert "X-Amz-" not in told
    assert upload_id not in told
    assert uploader.headers()["Authorization"].split(".")[0] not in told
