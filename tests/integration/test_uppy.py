"""Companion's wire with real bytes, as Uppy 5 and Uppy 6 speak it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.domain.job import JobName
from app.domain.parts import MIN_PART_SIZE
from app.domain.upload_grant import digest_of
from app.infrastructure.metrics import Metrics
from app.settings import Settings
from app.worker.observation import Observer
from app.worker.process import open_jobs
from app.worker.supervisor import Supervisor
from tests.support.databases import deferred_jobs, execute
from tests.support.multipart import TWO_PARTS, Clock, changed, with_policies
from tests.support.service import Running, User, running, serving, token_for
from tests.support.uppy import Uppy5, Uppy6, UppyPage, send_form
from tests.support.workers import until

POLICIES = """
[policies.default]

[policies.auto]
auto_complete = true

[policies.picture]
types = ["image/*"]
max_size = 1000

[policies.film]
max_size = "6 MiB"
"""
FIRST, REST = TWO_PARTS[:MIN_PART_SIZE], TWO_PARTS[MIN_PART_SIZE:]
FREE = {"bytes": None, "files": None, "in_flight_bytes": None}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    settings: Settings, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    configured = with_policies(settings, tmp_path_factory.mktemp("uppy"), POLICIES)
    async with running(configured, clock) as service:
        yield service


@pytest.fixture
def user(service: Running) -> User:
    return User(service.api)


@pytest.fixture
def other(service: Running) -> User:
    return User(service.api)


async def minted(user: User, **wish: Any) -> str:
    answer = await user.call("POST", "/upload-tokens", json=wish)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def uppy5(user: User) -> Uppy5:
    return Uppy5(user.api, "/uppy", user.headers())


async def uppy6(user: User, **wish: Any) -> Uppy6:
    """With the slash at the end of its endpoint that makes its calls begin with two."""
    return Uppy6(user.api, f"/uppy/t/{await minted(user, **wish)}/")


@pytest.fixture(params=["5", "6"])
async def page(request: pytest.FixtureRequest, user: User) -> UppyPage:
    return uppy5(user) if request.param == "5" else await uppy6(user)


async def look(user: User, named: str) -> dict[str, Any]:
    """The record by its id or key."""
    file_id = named.rpartition("/")[2].partition(".")[0]
    answer = await user.call("GET", f"/files/{file_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """The message of an error that both versions understand."""
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (status, code, status), body
    assert body["error"] == body["message"] == body["detail"]
    return str(body["message"])


async def usage(user: User) -> dict[str, Any]:
    return dict((await user.call("GET", "/usage")).json())


async def test_a_small_file(service: Running, page: UppyPage, user: User) -> None:
    answer = await page.params("Foto 猫 #1.png", "image/png", album="ünïcode")
    assert answer.headers["cache-control"] == "no-store"
    params = answer.json()
    assert params["method"] == "POST"
    assert 800 < params["expires"] <= 900
    assert "error" not in params
    fields = params["fields"]
    assert (fields["Content-Type"], fields["success_action_status"]) == ("image/png", "201")
    pending = await look(user, fields["key"])
    assert (pending["filename"], pending["method"]) == ("Foto 猫 #1.png", "POST")
    assert pending["metadata"] == {"album": "ünïcode"}
    assert pending["size_is_limit"] is True
    assert (await usage(user))["reserved"] == {"files": 1, "bytes": 5 * 1024**3}

    stored = await send_form(params, b"bytes")
    assert stored.status_code == 201, stored.text
    await service.container.arrivals.look(UUID(pending["id"]))
    record = await look(user, pending["id"])
    assert (record["status"], record["size_is_limit"]) == ("uploaded", False)
    assert record["file_size"] == record["observed_size"] == 5
    assert (await usage(user))["used"] == {"files": 1, "bytes": 5}
    assert (await usage(user))["reserved"] == {"files": 0, "bytes": 0}


async def test_a_file_in_parts(page: UppyPage, user: User) -> None:
    begun = (await page.begin("film.mp4", "video/mp4")).json()
    assert begun.keys() == {"key", "uploadId", "bucket"}
    assert (await page.on(begun)).json() == []
    first = await page.send(begun, 1, FIRST)
    listed = await page.on(begun)
    assert listed.headers["cache-control"] == "no-store"
    assert listed.json() == [{"PartNumber": 1, "ETag": first["ETag"], "Size": MIN_PART_SIZE}]
    batch = (
        await page.call(
            "GET",
            f"/s3/multipart/{begun['uploadId']}/batch",
            params={"key": begun["key"], "partNumbers": "2,10000"},
        )
    ).json()
    assert batch["presignedUrls"].keys() == {"2", "10000"}
    second = await page.send(begun, 2, REST)

    bare = {**second, "ETag": second["ETag"].strip('"')}
    answer = await page.complete(begun, [first, bare])
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["key"], done["bucket"]) == (begun["key"], begun["bucket"])
    assert done["location"].endswith(f"/{begun['key']}")
    record = await look(user, begun["uploadId"])
    assert (record["status"], record["file_size"]) == ("uploaded", len(TWO_PARTS))
    assert record["multipart"]["part_size"] is None
    assert (await usage(user))["used"]["bytes"] == len(TWO_PARTS)

    # Had the answer been lost: both list the parts, find theirs, and complete again.
    again = (await page.on(begun)).json()
    assert [part["PartNumber"] for part in again] == [1, 2]
    parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in again]
    assert (await page.complete(begun, parts)).json() == done
    refused(await page.on(begun, "/1"), 410, "upload_expired")


async def test_a_cancelled_file_leaves_nothing(page: UppyPage, user: User) -> None:
    begun = (await page.begin("film.mp4", "video/mp4")).json()
    await page.send(begun, 1, FIRST)
    for _ in range(2):
        answer = await page.on(begun, method="DELETE")
        assert (answer.status_code, answer.json()) == (200, {})
    record = await look(user, begun["uploadId"])
    assert (record["status"], record["status_reason"]) == ("failed", "aborted")
    refused(await page.on(begun), 410, "upload_expired")
    refused(await page.complete(begun, [{"PartNumber": 1, "ETag": "x"}]), 409, "illegal_transition")
    assert (await usage(user))["reserved"] == {"files": 0, "bytes": 0}


async def test_a_declared_size_is_exact(page: UppyPage, user: User) -> None:
    params = (await page.params("a.txt", "text/plain", size=5)).json()
    assert (await send_form(params, b"1234")).status_code == 400
    assert (await send_form(params, b"12345")).status_code == 201
    record = await look(user, params["fields"]["key"])
    assert (record["file_size"], record["size_is_limit"]) == (5, False)

    begun = (await page.begin("film.mp4", "video/mp4", size=len(TWO_PARTS))).json()
    parts = [await page.send(begun, 1, FIRST)]
    told = refused(await page.complete(begun, parts), 409, "parts_incomplete")
    assert str(len(TWO_PARTS)) in told
    parts.append(await page.send(begun, 2, REST))
    assert (await page.complete(begun, parts)).status_code == 200


async def test_auto_complete_and_the_worker(
    service: Running, settings: Settings, database_url: str
) -> None:
    """A form, and then nothing but looks: one that is too early, one by a worker."""
    user = User(service.api)
    page = await uppy6(user, policy="auto")
    params = (await page.params("a.txt", "text/plain")).json()
    record = await look(user, params["fields"]["key"])
    [first] = await deferred_jobs(database_url, UUID(record["id"]))
    await service.container.arrivals.look(first.file_id)
    _, second = await deferred_jobs(database_url, first.file_id)
    assert {first.name, second.name} == {JobName.LOOK}
    await send_form(params, b"bytes")
    await execute(database_url, "UPDATE procrastinate_jobs SET scheduled_at = now()")

    async def is_completed() -> bool:
        return (await look(user, record["id"]))["status"] == "completed"

    async with at_work(service, settings):
        await until(is_completed, "the file is completed")
    assert await user.trail(record) == [
        (None, "pending"),
        ("pending", "uploaded"),
        ("uploaded", "completed"),
    ]


@asynccontextmanager
async def at_work(service: Running, settings: Settings) -> AsyncIterator[None]:
    """A worker with the jobs of the service."""
    supervisor = Supervisor(
        lambda on_failure: open_jobs(settings, service.container, on_failure),
        Observer(Metrics()),
        concurrency=2,
    )
    working = asyncio.create_task(supervisor.run())
    try:
        yield
    finally:
        supervisor.stop()
        async with asyncio.timeout(60):
            await working


async def test_the_looks_end_with_the_upload(service: Running, user: User, clock: Clock) -> None:
    params = (await uppy5(user).params("a.txt", "text/plain")).json()
    file_id = UUID((await look(user, params["fields"]["key"]))["id"])
    clock.offset = timedelta(days=1)
    try:
        assert await service.container.arrivals.look(file_id) is None
        await service.container.sweep.run()
    finally:
        clock.offset = timedelta(0)
    assert (await look(user, str(file_id)))["status_reason"] == "expired"


async def test_another_person_finds_nothing(page: UppyPage, other: User) -> None:
    begun = (await page.begin("film.mp4", "video/mp4")).json()
    part = {"PartNumber": 1, "ETag": "x"}
    for stranger in (uppy5(other), await uppy6(other)):
        refused(await stranger.on(begun), 404, "not_found")
        refused(await stranger.on(begun, "/1"), 404, "not_found")
        refused(await stranger.on(begun, method="DELETE"), 404, "not_found")
        refused(await stranger.complete(begun, [part]), 404, "not_found")
    assert (await page.on(begun)).json() == []


async def test_only_what_uppy_began_under_that_key(page: UppyPage, user: User) -> None:
    ours = await user.ask(TWO_PARTS, method="multipart")
    refused(await page.on({"uploadId": ours["id"], "key": ours["key"]}, "/1"), 404, "not_found")
    begun = (await page.begin("film.mp4", "video/mp4")).json()
    other = (await page.begin("film.mp4", "video/mp4")).json()
    refused(await page.on({**begun, "key": other["key"]}, "/1"), 404, "not_found")
    refused(await page.on({**begun, "uploadId": str(uuid4())}, "/1"), 404, "not_found")
    refused(await page.on({**begun, "uploadId": "no-id"}, "/1"), 404, "not_found")
    await user.call("DELETE", f"/files/{begun['uploadId']}")
    refused(await page.on(begun), 404, "not_found")


async def test_what_is_not_asked_rightly_is_told_in_companions_words(page: UppyPage) -> None:
    async def told(method: str, path: str, **options: Any) -> str:
        return refused(await page.call(method, f"/s3/{path}", **options), 400, "invalid_request")

    needed = "is required and must be a non-empty string"
    assert await told("GET", "params?type=a/b") == f's3: the "filename" query parameter {needed}'
    assert await told("GET", "params?filename=") == f's3: the "filename" query parameter {needed}'
    assert await told("POST", "multipart", json={}) == f's3: the "filename" field {needed}'
    wrong_type = {"filename": "a", "type": 1}
    assert await told("POST", "multipart", json=wrong_type) == "s3: content type must be a string"
    assert "object key" in await told("GET", "multipart/x")
    assert "object key" in await told("DELETE", "multipart/x?key=")
    for number in ("0", "10001", "x", "-1", "1e3", "٣"):
        number = f"multipart/{uuid4()}/{number}?key=k"
        assert "between 1 and 10000" in await told("GET", number)
    assert "comma separated" in await told("GET", f"multipart/{uuid4()}/batch?key=k")
    assert "STS" in await told("GET", "sts")
    assert "path separator" in await told("GET", "params?filename=a/b")
    assert "media type" in await told("GET", "params?filename=a&type=undefined")
    assert "setFileMeta" in await told("GET", "params?filename=a&metadata[size]=XL")
    assert "2048" in await told("GET", f"params?filename=a&metadata[k]={'x' * 3000}")
    nested = b'{"filename": "a", "metadata": {"k": %s1%s}}' % (b"[" * 300, b"]" * 300)
    assert "nested" in await told("POST", "multipart", content=nested)
    for body in (b"", b"{", b"[]", b'{"parts": 1}', b'{"parts": [{"PartNumber": "1"}]}'):
        await told("POST", f"multipart/{uuid4()}/complete?key=k", content=body)


async def test_more_than_the_policy_or_the_token_allows(user: User) -> None:
    unknown = await uppy5(user).params("a", "a/b", policy="none")
    assert "upload policy" in refused(unknown, 400, "invalid_request")
    picture = await uppy6(user, policy="picture")
    refused(await picture.params("a.txt", "text/plain"), 415, "type_not_allowed")
    told = refused(await picture.params("a.png", "image/png", size=1001), 413, "file_too_large")
    assert "1000" in told
    params = (await picture.params("a.png", "image/png")).json()
    assert (await send_form(params, bytes(1001))).status_code == 400
    assert (await send_form(params, bytes(1000))).status_code == 201
    refused(await picture.params("a.png", "image/png", policy="auto"), 403, "forbidden")

    small = await uppy6(user, policy="picture", max_size=10)
    refused(await small.begin("a.png", "image/png", size=11), 413, "file_too_large")
    params = (await small.params("a.png", "image/png")).json()
    assert (await send_form(params, bytes(11))).status_code == 400
    assert (await send_form(params, bytes(10))).status_code == 201

    film = await uppy6(user, policy="film")
    begun = (await film.begin("film.mp4", "video/mp4")).json()
    parts = [await film.send(begun, 1, FIRST), await film.send(begun, 2, FIRST)]
    told = refused(await film.complete(begun, parts), 413, "file_too_large")
    assert str(6 * 1024**2) in told
    assert (await look(user, begun["uploadId"]))["status"] == "pending"
    refused(await picture.on(begun), 404, "not_found")
    refused(await small.on(begun), 404, "not_found")


async def test_parts_that_cannot_be_all(user: User) -> None:
    page = uppy5(user)
    begun = (await page.begin("film.mp4", "video/mp4")).json()
    first, third = await page.send(begun, 1, FIRST), await page.send(begun, 3, REST)
    answer = await page.complete(begun, [first, third])
    assert (answer.status_code, answer.json()["missing"]) == (409, [[2, 2]])
    second = await page.send(begun, 2, FIRST)
    answer = await page.complete(begun, [first, {**second, "ETag": "other"}, third])
    assert answer.json()["wrong_etag"] == [[2, 2]]

    held = (await user.call("GET", f"/files/{begun['uploadId']}/parts")).json()
    assert (held["missing"], held["uploaded_bytes"]) == ([], 2 * len(FIRST) + len(REST))
    unlisted = await user.call("POST", f"/files/{begun['uploadId']}/complete")
    assert "with a list of them" in unlisted.json()["detail"]
    assert (await page.complete(begun, [first, second, third])).status_code == 200

    begun = (await page.begin("film.mp4", "video/mp4")).json()
    parts = [await page.send(begun, 1, b"short"), await page.send(begun, 2, REST)]
    assert (await page.complete(begun, parts)).json()["wrong_size"] == [[1, 1]]


async def test_without_a_size_the_quota_tells_how_to_declare_it(user: User) -> None:
    limits = FREE | {"bytes": 1000}
    await user.call("PUT", f"/quotas/{user.subject}", scope="admin", json=limits)
    page = uppy5(user)
    told = refused(await page.params("a.txt", "text/plain"), 413, "quota_exceeded")
    assert "setFileMeta" in told
    assert (await page.params("a.txt", "text/plain", size=600)).status_code == 200
    told = refused(await page.params("a.txt", "text/plain", size=600), 413, "quota_exceeded")
    assert "setFileMeta" not in told


async def test_signing_part_after_part_writes_nothing(user: User, clock: Clock) -> None:
    page = uppy5(user)
    begun = (await page.begin("film.mp4", "video/mp4")).json()

    async def events() -> list[str]:
        answer = await user.call("GET", f"/files/{begun['uploadId']}/events")
        return [event["event"] for event in answer.json()["items"]]

    for number in (1, 2, 3):
        assert 800 < (await page.on(begun, f"/{number}")).json()["expires"] <= 900
    assert await events() == ["created"]
    clock.offset = timedelta(minutes=8)
    try:
        assert 800 < (await page.on(begun, "/4")).json()["expires"] <= 900
    finally:
        clock.offset = timedelta(0)
    assert await events() == ["created", "url_issued"]


async def test_a_token_opens_this_wire_alone_for_as_long_as_it_lives(
    service: Running, user: User, clock: Clock
) -> None:
    token = await minted(user, expires_in=60)
    page = Uppy6(user.api, f"/uppy/t/{token}")
    assert (await page.params("a.txt", "text/plain")).status_code == 200
    for forged in (f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}", "slu_", "x"):
        answer = await Uppy6(user.api, f"/uppy/t/{forged}").params("a.txt", "text/plain")
        refused(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ("/files", "/usage", "/upload-tokens"):
        answer = await user.api.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (401, 405)
    clock.offset = timedelta(seconds=61)
    try:
        answer = await page.params("a.txt", "text/plain")
    finally:
        clock.offset = timedelta(0)
    assert "expired" in refused(answer, 401, "unauthorized")


async def test_a_token_is_no_more_than_its_minter(user: User, settings: Settings) -> None:
    answer = await user.call("POST", "/upload-tokens", scope="files:read", json={})
    assert answer.status_code == 403
    reader = uppy5(user)
    reader.headers = user.headers("files:read")
    assert (await reader.params("a.txt", "text/plain")).status_code == 403
    ends = int(time.time()) + 120
    headers = {"Authorization": f"Bearer {token_for(user.subject, exp=ends)}"}
    answer = await user.api.post("/upload-tokens", headers=headers)
    ended = datetime.fromisoformat(answer.json()["expires_at"]).timestamp()
    assert ended == ends + settings.jwt_leeway
    milliseconds = {"Authorization": f"Bearer {token_for(user.subject, exp=1000 * ends)}"}
    assert (await user.api.post("/upload-tokens", headers=milliseconds)).status_code == 201
    unknown = await user.call("POST", "/upload-tokens", json={"policy": "none"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("wish", "limit"),
    [
        ({}, None),
        ({"max_size": 5}, 5),
        ({"policy": "picture"}, 1000),
        ({"policy": "picture", "max_size": 5}, 5),
        ({"policy": "picture", "max_size": 5000}, 1000),
    ],
)
async def test_a_token_tells_what_it_allows(
    user: User, wish: dict[str, Any], limit: int | None
) -> None:
    answer = await user.call("POST", "/upload-tokens", json=wish)
    assert answer.json()["max_size"] == limit


async def test_a_token_is_told_nowhere(
    user: User, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    page = await uppy6(user)
    secret = page.base.split("/")[3]
    answers = [
        await page.params("a.txt", "text/plain"),
        await page.params("", ""),
        await page.call("GET", "/nothing/there"),
        await page.call("PATCH", "/s3/params"),
        await page.begin("film.mp4", "video/mp4"),
    ]
    assert not [answer for answer in answers if secret in answer.text + str(answer.headers)]
    written = capfd.readouterr().err
    assert "/uppy/t/{upload_token}/s3/params" in written
    assert secret not in written
    metrics = (await user.api.get("/metrics")).text
    assert 'route="/uppy/t/{upload_token}/s3/multipart"' in metrics
    assert secret not in metrics
    kept = await execute(database_url, "SELECT upload_tokens::text FROM upload_tokens")
    assert kept
    assert not [row for row in kept if secret in row[0]]


async def test_expired_tokens_are_forgotten_by_and_by(
    user: User, database_url: str, clock: Clock
) -> None:
    digest = digest_of(await minted(user, expires_in=1))
    kept = f"SELECT count(*) FROM upload_tokens WHERE digest = '{digest}'"
    assert await execute(database_url, kept) == [(1,)]
    clock.offset = timedelta(days=2)
    try:
        await minted(user)
    finally:
        clock.offset = timedelta(0)
    assert await execute(database_url, kept) == [(0,)]


async def test_a_preflight_needs_no_token(settings: Settings) -> None:
    origin = "https://app.example.com"
    async with serving(changed(settings, cors_origins=origin)) as api:
        for base in ("/uppy", "/uppy/t/slu_x/", "/uppy/t/slu_x"):
            for method, headers in (("GET", "authorization"), ("POST", "content-type")):
                answer = await api.options(
                    f"{base}/s3/params?filename=a",
                    headers={
                        "Origin": origin,
                        "Access-Control-Request-Method": method,
                        "Access-Control-Request-Headers": headers,
                    },
                )
                assert answer.status_code == 200
                assert answer.headers["access-control-allow-origin"] == origin


async def test_signing_a_large_file_stays_within_the_usual_rate(settings: Settings) -> None:
    """1 GiB in parts of 5 MiB, each signed four times over, and the calls about it."""
    async with serving(changed(settings, rate_limit="600/minute")) as api:
        user = User(api)
        page = uppy5(user)
        begun = (await page.begin("film.mp4", "video/mp4")).json()
        signed = await asyncio.gather(*(page.on(begun, f"/{n}") for n in range(1, 821)))
        assert {answer.status_code for answer in signed} == {200}
        assert (await page.on(begun)).status_code == 200
    async with serving(changed(settings, rate_limit="2/day")) as api:
        user = User(api)
        page = uppy5(user)
        begun = (await page.begin("film.mp4", "video/mp4")).json()
        answers = [await page.on(begun, "/1") for _ in range(41)]
        assert [answer.status_code for answer in answers[:-1]] == [200] * 40
        refused(answers[-1], 429, "rate_limited")
        for status in (200, 429):
            answer = await page.on(begun, "/batch", params={**begun, "partNumbers": "1,2"})
            assert answer.status_code == status, "however many it asks for, it is a call"
