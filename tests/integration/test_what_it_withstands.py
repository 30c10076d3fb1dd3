"""Hostile orders of events: too early, too late, twice, all at once, somebody else's."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.support.multipart import Bucket, Clock, PartsService, Uploader
from tests.support.service import User, send


async def test_uploaded_before_the_bytes_exist(user: User) -> None:
    record = await user.ask()
    answer = await user.move(record, "uploaded")
    assert (answer.status_code, answer.json()["code"]) == (409, "object_missing")
    assert await user.trail(record) == [(None, "pending")]
    assert (await send(record, b"hello")).status_code == 200
    assert (await user.move(record, "uploaded")).status_code == 200


@pytest.mark.parametrize(
    ("body", "type", "says"),
    [
        (b"hello, world", "text/plain", "size is 12 bytes, declared 5"),
        (b"hello", "text/html", "type is text/html, declared text/plain"),
    ],
)
async def test_other_bytes_under_the_key_fail_the_file_and_go(
    user: User, admin_s3: Any, store_settings: Any, body: bytes, type: str, says: str
) -> None:
    record = await user.ask()
    bucket = store_settings.s3_bucket
    admin_s3.put_object(Bucket=bucket, Key=record["key"], Body=body, ContentType=type)
    answer = await user.move(record, "uploaded")
    assert (answer.status_code, answer.json()["code"]) == (409, "verification_failed")
    assert answer.json()["reasons"] == [says]
    now = (await user.call("GET", f"/files/{record['id']}")).json()
    assert (now["status"], now["status_reason"]) == ("failed", says)
    listed = admin_s3.list_objects_v2(Bucket=bucket, Prefix=record["key"])
    assert listed["KeyCount"] == 0


async def test_ten_other_bytes_under_a_checksum_are_found_out(
    user: User, admin_s3: Any, store_settings: Any
) -> None:
    sha256_of_hello = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    checksum = {"algorithm": "sha256", "value": sha256_of_hello}
    record = await user.ask(b"hello", checksum=checksum)
    admin_s3.put_object(
        Bucket=store_settings.s3_bucket,
        Key=record["key"],
        Body=b"jello",
        ContentType="text/plain",
        ChecksumAlgorithm="SHA256",
    )
    answer = await user.move(record, "completed")
    assert (answer.status_code, answer.json()["code"]) == (409, "verification_failed")


async def test_an_object_replaced_after_verification_does_not_complete(
    user: User, admin_s3: Any, store_settings: Any
) -> None:
    record = await user.upload(b"hello")
    await user.move(record, "uploaded")
    admin_s3.put_object(
        Bucket=store_settings.s3_bucket, Key=record["key"], Body=b"jello", ContentType="text/plain"
    )
    answer = await user.move(record, "completed")
    assert answer.json()["code"] == "verification_failed"


async def test_thirty_two_identical_calls_make_one_event(user: User) -> None:
    record = await user.upload()
    answers = await asyncio.gather(*(user.move(record, "uploaded") for _ in range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert await user.trail(record) == [(None, "pending"), ("pending", "uploaded")]


async def test_completed_against_failed_has_one_winner(user: User) -> None:
    for _ in range(8):
        record = await user.upload()
        await user.move(record, "uploaded")
        answers = await asyncio.gather(
            *(user.move(record, status) for status in ["completed", "failed"] * 8)
        )
        final = (await user.call("GET", f"/files/{record['id']}")).json()["status"]
        codes = Counter(answer.status_code for answer in answers)
        assert codes == {200: 8, 409: 8}
        assert {a.json()["status"] for a in answers if a.status_code == 200} == {final}
        assert (await user.trail(record))[2:] == [("uploaded", final)]


async def test_an_idempotency_race_of_sixteen_makes_one_record(user: User) -> None:
    body = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    key = {"Idempotency-Key": "race"}
    answers = await asyncio.gather(
        *(user.call("POST", "/presigned-url", json=body, headers=key) for _ in range(16))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 15}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await user.call("GET", "/files")).json()["items"]) == 1


async def test_an_idempotency_key_is_the_owners_own(user: User, other: User) -> None:
    body = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    key = {"Idempotency-Key": "shared"}
    mine = await user.call("POST", "/presigned-url", json=body, headers=key)
    theirs = await other.call("POST", "/presigned-url", json=body, headers=key)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_an_idempotency_key_is_for_one_endpoint(user: User) -> None:
    body = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    key = {"Idempotency-Key": "one"}
    await user.call("POST", "/presigned-url", json=body, headers=key)
    batch = await user.call("POST", "/presigned-urls", json={"files": [body]}, headers=key)
    assert (batch.status_code, batch.json()["code"]) == (409, "idempotency_conflict")


async def test_a_key_whose_file_was_deleted_says_so(user: User) -> None:
    body = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    key = {"Idempotency-Key": "gone"}
    record = (await user.call("POST", "/presigned-url", json=body, headers=key)).json()
    await user.call("DELETE", f"/files/{record['id']}")
    again = await user.call("POST", "/presigned-url", json=body, headers=key)
    assert (again.status_code, again.json()["code"]) == (410, "upload_expired")


async def test_a_repeated_key_of_an_uploaded_file_gives_no_new_url(user: User) -> None:
    body = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    key = {"Idempotency-Key": "done"}
    record = (await user.call("POST", "/presigned-url", json=body, headers=key)).json()
    await send(record, b"x")
    await user.move(record, "uploaded")
    again = await user.call("POST", "/presigned-url", json=body, headers=key)
    assert (again.status_code, again.json()["url"]) == (200, None)
    assert again.json()["status"] == "uploaded"


async def test_another_owner_meets_the_answer_of_a_file_that_does_not_exist(
    user: User, other: User
) -> None:
    record = await user.upload()
    nowhere = {"id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d", "key": "uploads/nowhere"}

    async def answers(file: dict[str, Any]) -> list[tuple[int, str, str]]:
        path = f"/files/{file['id']}"
        calls = [
            other.call("GET", path),
            other.call("GET", f"{path}/events"),
            other.call("DELETE", path),
            other.call("POST", f"{path}/download-url"),
            other.move(file, "uploaded"),
            other.move(file, "uploaded", scope="files:write files:process admin"),
            other.call("PUT", "/file-status", json={"key": file["key"], "status": "uploaded"}),
        ]
        answered = [await call for call in calls]
        return [(a.status_code, a.json()["code"], a.json()["detail"]) for a in answered]

    theirs = await answers(record)
    assert theirs == await answers(nowhere)
    assert {status for status, _, _ in theirs} == {404}
    assert (await user.call("GET", f"/files/{record['id']}")).status_code == 200


@pytest.mark.parametrize("end", ["deleted", "failed", "expired"])
async def test_bytes_that_come_by_a_url_that_outlived_its_record_go_again(
    uploader: Uploader, parts_service: PartsService, clock: Clock, bucket: Bucket, end: str
) -> None:
    record = await uploader.ask(b"hello", expires_in=900)
    if end == "deleted":
        assert (await uploader.delete(record)).status_code == 204
    elif end == "failed":
        assert (await uploader.move(record, "failed")).status_code == 200
    else:
        clock.offset = timedelta(minutes=21)
        await parts_service.container.sweep.run()
        clock.offset = timedelta(0)
    await parts_service.run_jobs(record)
    assert (await send(record, b"hello")).status_code == 200
    assert bucket.holds(record["key"])

    clock.offset = timedelta(hours=1)  # by now the URL is dead
    await parts_service.container.sweep.run()
    assert bucket.is_clear_of(record["key"])
    usage = (await uploader.call("GET", "/usage")).json()
    assert (usage["used"]["bytes"], usage["reserved"]["bytes"]) == (0, 0)


async def test_each_scope_opens_only_its_own_doors(user: User) -> None:
    record = await user.ask()
    path = f"/files/{record['id']}"
    new = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    doors = {
        ("POST", "/presigned-url"): "files:write",
        ("POST", "/presigned-urls"): "files:write",
        ("GET", "/files"): "files:read",
        ("GET", path): "files:read",
        ("GET", f"{path}/events"): "files:read",
        ("POST", f"{path}/download-url"): "files:read",
        ("PUT", "/file-status"): "files:write",
        ("PUT", "/file-statuses"): "files:write",
        ("DELETE", path): "files:write",
    }
    bodies: dict[str, Any] = {
        "/presigned-url": new,
        "/presigned-urls": {"files": [new]},
        "/file-status": {"id": record["id"], "status": "pending"},
        "/file-statuses": {"items": [{"id": record["id"], "status": "pending"}]},
    }
    for (method, door), needed in doors.items():
        for scope in ("files:read", "files:write", "", "admin"):
            answer = await user.call(method, door, scope=scope, json=bodies.get(door))
            assert (answer.status_code == 403) is (scope != needed), (method, door, scope)
