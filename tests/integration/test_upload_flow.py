"""The main job, over HTTP, with real bytes: ask, send, report, look, fetch, delete."""

import base64
import hashlib

import httpx
import pytest

from tests.support.service import User, send


async def test_a_put_from_asking_to_completed(user: User) -> None:
    record = await user.ask(b"hello")
    assert record["method"] == "PUT"
    assert record["status"] == "pending"
    assert record["headers"] == {"Content-Type": "text/plain", "If-None-Match": "*"}
    assert (record["expires_in"], record["fields"], record["multipart"]) == (900, {}, None)

    assert (await send(record, b"hello")).status_code == 200
    uploaded = (await user.move(record, "uploaded")).json()
    assert (uploaded["status"], uploaded["observed_size"]) == ("uploaded", 5)
    assert uploaded["etag"] == hashlib.md5(b"hello").hexdigest()
    assert uploaded["url"] is None
    assert uploaded["uploaded_at"].endswith("Z")

    completed = (await user.move(record, "completed")).json()
    assert completed["status"] == "completed"
    assert await user.trail(record) == [
        (None, "pending"),
        ("pending", "uploaded"),
        ("uploaded", "completed"),
    ]


async def test_a_post_form(user: User) -> None:
    record = await user.ask(b"hello", method="POST")
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        answer = await http.post(
            record["url"], data=record["fields"], files={"file": ("any", b"hello")}
        )
    assert answer.status_code in (201, 204), answer.text
    assert (await user.move(record, "completed")).json()["status"] == "completed"


async def test_an_empty_file(user: User) -> None:
    record = await user.upload(b"")
    assert (await user.move(record, "uploaded")).json()["observed_size"] == 0


async def test_a_checksum_is_the_stores_to_check(user: User) -> None:
    value = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    checksum = {"algorithm": "sha256", "value": value}
    record = await user.ask(b"hello", checksum=checksum)
    assert record["checksum"] == checksum | {"type": "full_object"}
    assert (await send(record, b"jello")).status_code == 400
    assert (await send(record, b"hello")).status_code == 200
    assert (await user.move(record, "uploaded")).json()["status"] == "uploaded"


@pytest.mark.parametrize(
    "body",
    [
        {"fileName": "a.txt", "fileType": "text/plain", "fileSize": 1},
        {"filename": "a.txt", "file_type": "text/plain", "file_size": 1},
    ],
)
async def test_the_older_names_are_accepted(user: User, body: dict[str, object]) -> None:
    answer = await user.call("POST", "/presigned-url", json=body)
    assert answer.status_code == 201
    assert answer.json()["filename"] == "a.txt"


async def test_names_are_metadata_never_a_path(user: User) -> None:
    name = "e\u0301 ..%2f 猫 \u202e.PNG"
    record = await user.ask(filename=name)
    assert record["filename"] == "é ..%2f 猫 \u202e.PNG"
    assert record["key"].endswith(f"/{record['id']}.png")


async def test_a_status_by_key(user: User) -> None:
    record = await user.upload()
    body = {"key": record["key"], "status": "uploaded"}
    assert (await user.call("PUT", "/file-status", json=body)).json()["id"] == record["id"]


async def test_a_pending_file_can_complete_at_once_through_uploaded(user: User) -> None:
    record = await user.upload()
    completed = (await user.move(record, "completed")).json()
    assert completed["uploaded_at"] == completed["completed_at"]
    assert await user.trail(record) == [
        (None, "pending"),
        ("pending", "uploaded"),
        ("uploaded", "completed"),
    ]


async def test_processing_is_for_processors(user: User) -> None:
    record = await user.upload()
    await user.move(record, "uploaded")
    assert (await user.move(record, "processing")).status_code == 403
    assert (await user.move(record, "processing", scope="files:process")).status_code == 200
    assert (await user.move(record, "completed")).status_code == 403
    done = await user.move(record, "completed", scope="files:process")
    assert done.json()["processing_at"] is not None
    assert done.json()["status"] == "completed"


async def test_a_reason_for_failing_is_kept(user: User) -> None:
    record = await user.ask()
    failed = (await user.move(record, "failed", reason="the user gave up")).json()
    assert (failed["status"], failed["status_reason"]) == ("failed", "the user gave up")
    answer = await user.move(record, "uploaded")
    assert answer.status_code == 409
    assert (answer.json()["from"], answer.json()["to"]) == ("failed", "uploaded")


async def test_a_download_has_the_original_name(user: User) -> None:
    record = await user.upload(b"hello", filename='na"me 猫.txt')
    await user.move(record, "uploaded")
    answer = await user.call("POST", f"/files/{record['id']}/download-url")
    assert set(answer.json()) == {"url", "expires_at"}
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        file = await http.get(answer.json()["url"])
    assert file.content == b"hello"
    assert file.headers["content-type"] == "text/plain"
    disposition = file.headers["content-disposition"]
    assert (
        disposition
        == "attachment; filename=\"na_me _.txt\"; filename*=UTF-8''na%22me%20%E7%8C%AB.txt"
    )


@pytest.mark.parametrize(("type", "kind"), [("text/plain", "inline"), ("text/html", "attachment")])
async def test_inline_is_for_what_cannot_run_scripts(user: User, type: str, kind: str) -> None:
    record = await user.upload(type=type)
    await user.move(record, "uploaded")
    wish = {"disposition": "inline", "expires_in": 60}
    answer = await user.call("POST", f"/files/{record['id']}/download-url", json=wish)
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        file = await http.get(answer.json()["url"])
    assert file.headers["content-disposition"].startswith(kind)


async def test_nothing_to_download_before_the_bytes_are_verified(user: User) -> None:
    record = await user.upload()
    answer = await user.call("POST", f"/files/{record['id']}/download-url")
    assert (answer.status_code, answer.json()["code"]) == (409, "object_missing")


async def test_deletion_takes_the_object_along(user: User) -> None:
    record = await user.upload()
    await user.move(record, "uploaded")
    answer = await user.call("POST", f"/files/{record['id']}/download-url")
    assert (await user.call("DELETE", f"/files/{record['id']}")).status_code == 204
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        assert (await http.get(answer.json()["url"])).status_code == 404
    for method in ("GET", "DELETE"):
        assert (await user.call(method, f"/files/{record['id']}")).status_code == 404
    assert (await user.call("GET", "/files")).json()["items"] == []


async def test_lists_are_paged_and_filtered(user: User) -> None:
    records = [await user.ask() for _ in range(5)]
    await user.move(records[2], "failed")
    first = (await user.call("GET", "/files", params={"limit": 3})).json()
    rest = (
        await user.call("GET", "/files", params={"limit": 3, "cursor": first["next_cursor"]})
    ).json()
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert ids == [record["id"] for record in reversed(records)]
    assert rest["next_cursor"] is None
    assert all(item["url"] is None for item in first["items"])
    failed = (await user.call("GET", "/files", params={"status": "failed"})).json()
    assert [item["id"] for item in failed["items"]] == [records[2]["id"]]


async def test_an_audit_trail_is_paged(user: User) -> None:
    record = await user.upload()
    await user.move(record, "completed")
    path = f"/files/{record['id']}/events"
    first = (await user.call("GET", path, params={"limit": 2})).json()
    rest = (await user.call("GET", path, params={"cursor": first["next_cursor"]})).json()
    assert [e["to"] for e in first["items"] + rest["items"]] == ["pending", "uploaded", "completed"]
    assert rest["next_cursor"] is None


async def test_a_batch_in_order(user: User) -> None:
    files = [{"filename": f"{n}.txt", "type": "text/plain", "file_size": n} for n in range(1000)]
    answer = await user.call("POST", "/presigned-urls", json={"files": files})
    assert answer.status_code == 201
    items = answer.json()["items"]
    assert [item["filename"] for item in items] == [file["filename"] for file in files]
    assert (await send(items[7], b"1234567")).status_code == 200
    assert (await user.move(items[7], "uploaded")).status_code == 200


async def test_a_batch_is_all_or_nothing(user: User) -> None:
    good = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    for bad, field in (({"filename": "a/b"}, "files.1.filename"), ({"policy": "x"}, None)):
        answer = await user.call("POST", "/presigned-urls", json={"files": [good, good | bad]})
        assert answer.status_code == 422
        if field:
            assert answer.json()["errors"][0]["field"] == field
        else:
            assert answer.json()["at"] == "files.1"
    assert (await user.call("GET", "/files")).json()["items"] == []


async def test_a_repeated_key_returns_the_same_record_signed_afresh(user: User) -> None:
    body = {"filename": "a.txt", "type": "text/plain", "file_size": 1}
    key = {"Idempotency-Key": "once"}
    first = await user.call("POST", "/presigned-url", json=body, headers=key)
    again = await user.call("POST", "/presigned-url", json=body, headers=key)
    other_body = body | {"file_size": 2}
    conflict = await user.call("POST", "/presigned-url", json=other_body, headers=key)
    assert (first.status_code, again.status_code, conflict.status_code) == (201, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    assert (await send(again.json(), b"x")).status_code == 200
    assert conflict.json()["code"] == "idempotency_conflict"
    events = (await user.call("GET", f"/files/{first.json()['id']}/events")).json()["items"]
    assert [event["event"] for event in events] == ["created", "url_issued"]
