"""Bad input over HTTP: each rule with its message, nothing lost, nothing leaked."""

import json
from typing import Any

import httpx
import pytest

from tests.support.service import User

JSON = {"Content-Type": "application/json"}
GOOD = {"filename": "a.txt", "type": "text/plain", "file_size": 1}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, after checking what every one of them has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail"} <= body.keys()
    return body


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"filename": ""}, "filename", "1 to 255 characters"),
        ({"filename": "x" * 256}, "filename", "1 to 255 characters"),
        ({"filename": "../x"}, "filename", "path separator"),
        ({"filename": "a\r\nb"}, "filename", "control characters"),
        ({"filename": "a\x00"}, "filename", "control characters"),
        ({"filename": "\ud800"}, "filename", "control characters"),
        ({"filename": 5}, "filename", "string"),
        ({"filename": None}, "filename", "string"),
        ({"type": "png"}, "type", "media type such as image/png"),
        ({"type": "text/plain; charset=utf-8"}, "type", "without parameters"),
        ({"file_size": -1}, "file_size", "greater than or equal to 0"),
        ({"file_size": "1"}, "file_size", "integer"),
        ({"file_size": 1.5}, "file_size", "integer"),
        ({"file_size": True}, "file_size", "integer"),
        ({"method": "PATCH"}, "method", "'PUT', 'POST'"),
        ({"expires_in": 0}, "expires_in", "greater than or equal to 1"),
        ({"expires_in": 901}, "expires_in", "at most 900"),
        ({"expires_in": 604801}, "expires_in", "604800"),
        ({"policy": "nope"}, "policy", "one of default"),
        ({"metadata": {"a": "x" * 2048}}, "metadata", "2048 bytes"),
        ({"metadata": {"a": 1}}, "metadata.a", "string"),
        ({"metadata": {"a": "\x00"}}, "metadata", "NUL"),
        ({"metadata": {"\ud800": "a"}}, "metadata", "Unicode"),
        ({"checksum": {"algorithm": "md5", "value": "x"}}, "checksum.algorithm", "sha256"),
        ({"checksum": {"algorithm": "sha256", "value": "x"}}, "checksum", "32 bytes"),
        ({"filesize": 3}, "filesize", "not permitted"),
    ],
)
async def test_each_rule_names_its_field(
    user: User, change: dict[str, Any], field: str, says: str
) -> None:
    text = json.dumps(GOOD | change)  # escapes a lone surrogate, which has no UTF-8 form
    answer = await user.call("POST", "/presigned-url", content=text, headers=JSON)
    errors = problem(answer, 422, "invalid_request")["errors"]
    assert [error["field"] for error in errors] == [field]
    assert says in errors[0]["message"]


@pytest.mark.parametrize("field", ["filename", "type", "file_size"])
async def test_what_is_required(user: User, field: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != field}
    answer = await user.call("POST", "/presigned-url", json=body)
    assert problem(answer, 422, "invalid_request")["errors"][0]["field"] == field


async def test_above_five_gib(user: User) -> None:
    answer = await user.call("POST", "/presigned-url", json=GOOD | {"file_size": 5 * 1024**3 + 1})
    assert "method: multipart" in problem(answer, 413, "file_too_large")["detail"]


@pytest.mark.parametrize("content", [b"{", b"[1]", b'"x"', b"\xff", b"", b'{"a": NaN', b"null"])
async def test_broken_json(user: User, content: bytes) -> None:
    answer = await user.call("POST", "/presigned-url", content=content, headers=JSON)
    problem(answer, 422, "invalid_request")


async def test_json_without_its_content_type_says_what_to_send(user: User) -> None:
    answer = await user.call(
        "POST",
        "/presigned-url",
        content=b'{"filename": "a"}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert "application/json" in str(problem(answer, 422, "invalid_request"))


async def test_ten_megabytes_are_refused_early(user: User) -> None:
    sent = 0

    async def body() -> Any:
        nonlocal sent
        for _ in range(160):
            sent += 65536
            yield b"x" * 65536

    declared = await user.call("POST", "/presigned-url", content=b"x" * 10_000_000)
    problem(declared, 413, "request_too_large")
    streamed = await user.call("POST", "/presigned-url", content=body())
    problem(streamed, 413, "request_too_large")
    assert sent <= 8 * 1024**2 + 2 * 65536


@pytest.mark.parametrize(
    "body",
    [
        {"status": "uploaded"},
        {"id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d", "key": "a", "status": "uploaded"},
        {"id": "x", "status": "uploaded"},
        {"key": "a\x00b", "status": "uploaded"},
        {"key": "", "status": "uploaded"},
        {"key": "a", "status": "done"},
        {"key": "a", "status": "failed", "reason": "x" * 501},
        {"key": "a", "status": "failed", "reason": "a\nb"},
    ],
)
async def test_a_status_call_that_makes_no_sense(user: User, body: dict[str, Any]) -> None:
    problem(await user.call("PUT", "/file-status", json=body), 422, "invalid_request")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "status=done", "cursor=x", "cursor=%00", "policy=a%20b"],
)
async def test_list_parameters(user: User, query: str) -> None:
    problem(await user.call("GET", f"/files?{query}"), 422, "invalid_request")


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
async def test_idempotency_keys_are_printable(user: User, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]
    headers += [(k.encode(), v.encode()) for k, v in user.headers().items()]
    answer = await user.api.post("/presigned-url", json=GOOD, headers=headers)
    problem(answer, 422, "invalid_request")


@pytest.mark.parametrize("files", [[], [GOOD] * 1001])
async def test_batches_have_one_to_a_thousand(user: User, files: list[Any]) -> None:
    answer = await user.call("POST", "/presigned-urls", json={"files": files})
    assert problem(answer, 422, "invalid_request")["errors"][0]["field"] == "files"


FLOODS = {
    "unknown members": GOOD | {f"x{n}": 1 for n in range(100_000)},
    "metadata of another type": GOOD | {"metadata": {str(n): n for n in range(100_000)}},
    "combining marks": GOOD | {"filename": "a" + "\u0301" * 30_000 + "\u0327" * 30_000},
    "a batch of them": {"files": [GOOD | {f"x{n}": 1 for n in range(30)}] * 1000},
}


@pytest.mark.parametrize("body", FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_of_mistakes_is_one_short_answer(user: User, body: dict[str, Any]) -> None:
    path = "/presigned-urls" if "files" in body else "/presigned-url"
    answer = await user.call("POST", path, json=body)
    assert len(problem(answer, 422, "invalid_request")["errors"]) <= 32
    assert len(answer.content) < 8192


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/presigned-url"), ("POST", "/presigned-urls"), ("PUT", "/file-status")],
)
async def test_strangers_hear_of_their_token_not_of_their_json(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    problem(await api.request(method, path, content=b"{", headers=JSON), 401, "unauthorized")


async def test_a_largest_legal_batch_fits(user: User) -> None:
    file = {"filename": "é" * 255, "type": "text/plain", "file_size": 1}
    files = [file | {"metadata": {"k": "é" * 1023}}] * 1000
    text = json.dumps({"files": files})
    answer = await user.call("POST", "/presigned-urls", content=text, headers=JSON)
    assert answer.status_code == 201


async def test_a_rule_of_a_policy_names_its_place_in_a_batch(user: User) -> None:
    files = [GOOD, GOOD | {"policy": "nope"}]
    answer = await user.call("POST", "/presigned-urls", json={"files": files})
    errors = problem(answer, 422, "invalid_request")["errors"]
    assert [error["field"] for error in errors] == ["files.1.policy"]


@pytest.mark.parametrize("reason", ["Zurück\u00a0!", "👨\u200d👩\u200d👧", "\u200fشكرا"])
async def test_reasons_in_any_language(user: User, reason: str) -> None:
    record = await user.ask()
    assert (await user.move(record, "failed", reason=reason)).json()["status_reason"] == reason


async def test_unknown_paths_and_methods(user: User) -> None:
    problem(await user.call("GET", "/nothing"), 404, "not_found")
    problem(await user.call("GET", "/files/"), 404, "not_found")
    refused = await user.call("GET", "/presigned-url")
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"
    problem(await user.call("GET", "/files/not-a-uuid"), 422, "invalid_request")


async def test_no_token(api: httpx.AsyncClient) -> None:
    answer = await api.get("/files")
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
