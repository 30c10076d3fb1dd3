"""Quotas as users and administrators meet them over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest
import uuid_utils.compat
from structlog.testing import capture_logs

from tests.support.service import User

FREE = {"bytes": None, "files": None, "in_flight_bytes": None}


@pytest.fixture
def admin(user: User) -> User:
    return User(user.api)


async def limit(admin: User, owner: str, **limits: int | None) -> None:
    answer = await admin.call("PUT", path(owner), scope="admin", json=FREE | limits)
    assert answer.status_code == 200, answer.text


def path(owner: str) -> str:
    return f"/quotas/{quote(owner, safe='/')}"


async def usage(user: User) -> dict[str, Any]:
    answer = await user.call("GET", "/usage")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def holding(used: tuple[int, int], reserved: tuple[int, int]) -> dict[str, Any]:
    """Files and bytes of each, without limits."""
    amounts = {"used": used, "reserved": reserved}
    named = {name: {"files": files, "bytes": size} for name, (files, size) in amounts.items()}
    return named | {"limit": FREE}


async def test_a_file_is_reserved_then_used_then_given_back(user: User) -> None:
    assert await usage(user) == holding((0, 0), (0, 0))
    record = await user.upload(b"hello")
    assert await usage(user) == holding((0, 0), (1, 5))
    await user.move(record, "uploaded")
    assert await usage(user) == holding((1, 5), (0, 0))
    await user.move(record, "completed")
    assert await usage(user) == holding((1, 5), (0, 0))

    answer = await user.call("DELETE", f"/files/{record['id']}")
    assert answer.status_code == 204
    assert await usage(user) == holding((0, 0), (0, 0))


async def test_a_failed_upload_costs_nothing(user: User) -> None:
    await user.move(await user.ask(), "failed")

    assert await usage(user) == holding((0, 0), (0, 0))


async def test_one_too_many_is_refused_with_the_figures(user: User, admin: User) -> None:
    await limit(admin, user.subject, files=1)
    await user.ask()
    body = {"filename": "b.txt", "type": "text/plain", "file_size": 1}
    answer = await user.call("POST", "/presigned-url", json=body)
    problem = answer.json()

    assert answer.status_code == 413
    assert problem["code"] == "quota_exceeded"
    told = {name: problem[name] for name in ("quota", "limit", "used", "reserved")}
    assert told == {"quota": "files", "limit": 1, "used": 0, "reserved": 1}
    assert "Delete files" in problem["detail"]


async def test_a_batch_is_refused_as_a_whole(user: User, admin: User) -> None:
    await limit(admin, user.subject, bytes=10)
    files = [{"filename": "b.txt", "type": "text/plain", "file_size": 4}] * 3
    answer = await user.call("POST", "/presigned-urls", json={"files": files})

    assert (answer.status_code, answer.json()["quota"]) == (413, "bytes")
    assert (await usage(user))["reserved"] == {"files": 0, "bytes": 0}


@pytest.mark.parametrize("subject", ["alice", "auth0|5f7c", "a/b c", "50%", "Ünï🐈", "quotas/x"])
async def test_an_administrator_sets_and_resets_limits(
    user: User, admin: User, subject: str
) -> None:
    owner = User(user.api, f"{subject}-{uuid_utils.compat.uuid7()}")
    await owner.ask()
    limits = {"bytes": 100, "files": None, "in_flight_bytes": 0}
    changed = await admin.call("PUT", path(owner.subject), scope="admin", json=limits)
    seen = await admin.call("GET", path(owner.subject), scope="admin")

    expected = holding((0, 0), (1, 5)) | {"limit": limits}
    assert seen.json() == expected | {"owner": owner.subject, "overridden": True}
    assert changed.json() == seen.json()
    assert await usage(owner) == expected

    for _ in range(2):
        answer = await admin.call("DELETE", path(owner.subject), scope="admin")
        assert answer.status_code == 204
    assert await usage(owner) == holding((0, 0), (1, 5))


async def test_who_changed_whose_limits_is_logged(user: User, admin: User) -> None:
    with capture_logs() as lines:
        await limit(admin, user.subject, files=3)
    [line] = [line for line in lines if line["event"] == "limits changed"]

    assert (line["of"], line["by"]) == (user.subject, admin.subject)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("scope", ["files:read files:write files:process", ""])
async def test_limits_are_the_administrators(user: User, method: str, scope: str) -> None:
    body = {"json": FREE} if method == "PUT" else {}
    answer = await user.call(method, path(user.subject), scope=scope, **body)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_usage_needs_its_scope(user: User) -> None:
    assert (await user.call("GET", "/usage", scope="files:write")).status_code == 403
    assert (await user.api.get("/usage")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"bytes": 1},
        FREE | {"files": -1},
        FREE | {"files": 2**63},
        FREE | {"bytes": "5"},
        FREE | {"bytes": True},
        FREE | {"bites": 5},
        [],
    ],
)
async def test_limits_that_are_none(user: User, admin: User, body: object) -> None:
    answer = await admin.call("PUT", path(user.subject), scope="admin", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_owner_that_none_can_be(admin: User) -> None:
    for owner in ("a%00b", "x" * 256, "a%FF", "%C3", "%ED%A0%80"):
        for method, body in (("GET", None), ("PUT", FREE), ("DELETE", None)):
            answer = await admin.call(method, f"/quotas/{owner}", scope="admin", json=body)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "owner"
