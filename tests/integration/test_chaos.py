"""A store that answers 503, late, never, or with a lie: nothing is lost, and all of it adds up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.exceptions.errors import StorageUnavailable
from app.settings import Settings
from tests.support import chaos
from tests.support.chaos import ChaosProxy
from tests.support.multipart import (
    TWO_PARTS,
    Bucket,
    Clock,
    Uploader,
    changed,
    run_jobs,
    send_parts,
    with_policies,
)
from tests.support.service import Running, running, send

ASKED = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
PATIENCE = 40
"""Repetitions; of forty in a row no seed here refuses all."""


@dataclass
class Weathered:
    """The service behind the proxy, and a client that repeats what failed for a reason that
    passes."""

    service: Running
    proxy: ChaosProxy
    clock: Clock
    database_url: str
    client: Uploader

    async def insist(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The first answer that is not `storage_unavailable`."""
        for _ in range(PATIENCE):
            answer = await self.client.call(method, path, **options)
            if answer.status_code < 500:
                return answer
            assert_retryable(answer)
        raise AssertionError(f"{method} {path} never came through")

    async def create(self, key: str, **body: Any) -> dict[str, Any]:
        answer = await self.insist(
            "POST", "/presigned-url", json=ASKED | body, headers={"Idempotency-Key": key}
        )
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    async def settle(self, *records: dict[str, Any]) -> None:
        """What the worker does, in whatever weather, again and again until all is dead."""
        for record in records:
            await self._run_jobs(record)
        for days in (0, 1, 8, 9, 10, 30):
            self.clock.offset = timedelta(days=days)
            for _ in range(PATIENCE):
                report = await self.service.container.sweep.run()
                if not report.get("postponed"):
                    break
        self.clock.offset = timedelta(0)

    async def _run_jobs(self, record: dict[str, Any]) -> None:
        for _ in range(PATIENCE):
            try:
                return await run_jobs(self.service.container, self.database_url, record["id"])
            except StorageUnavailable:
                pass  # as the worker, which puts such a job back into its queue
        raise AssertionError("the job never came through")

    async def usage(self) -> tuple[int, int]:
        """Files used and reserved."""
        usage = (await self.client.call("GET", "/usage")).json()
        return usage["used"]["files"], usage["reserved"]["files"]


def assert_retryable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (500, "storage_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) >= 1


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's own repetitions, without the seconds between them."""
    monkeypatch.setattr(
        "botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.001
    )


@asynccontextmanager
async def weathered(
    settings: Settings, database_url: str, directory: Any, **changes: Any
) -> AsyncIterator[Weathered]:
    async with ChaosProxy(str(settings.s3_endpoint_url)) as proxy:
        behind = changed(
            with_policies(settings, directory),
            s3_endpoint_url=proxy.url,
            s3_public_endpoint_url=settings.s3_endpoint_url,
            **changes,
        )
        clock = Clock()
        async with running(behind, clock) as service:
            client = Uploader(service.api)
            yield Weathered(service, proxy, clock, database_url, client)


@pytest_asyncio.fixture
async def world(settings: Settings, database_url: str, tmp_path: Any) -> AsyncIterator[Weathered]:
    async with weathered(settings, database_url, tmp_path) as world:
        yield world


@pytest_asyncio.fixture
async def impatient(
    settings: Settings, database_url: str, tmp_path: Any
) -> AsyncIterator[Weathered]:
    """The same with half a second for each call."""
    limits = {"s3_timeout": 0.5, "s3_complete_timeout": 0.5}
    async with weathered(settings, database_url, tmp_path, **limits) as world:
        yield world


async def test_the_proxy_itself_changes_nothing(world: Weathered) -> None:
    record = await world.client.begin_and_send(TWO_PARTS)
    assert (await world.client.complete(record)).json()["status"] == "uploaded"
    assert await world.client.content(record) == TWO_PARTS
    assert (await world.client.delete(record)).status_code == 204
    assert set(world.proxy.calls) == {
        "CreateMultipartUpload",
        "ListParts",
        "CompleteMultipartUpload",
        "HeadObject",
        "ListMultipartUploads",
        "AbortMultipartUpload",
        "DeleteObject",
    }


async def _one_life(world: Weathered, number: int) -> tuple[dict[str, Any], str]:
    """A file from its creation to where its client leaves it, and its state once all is settled."""
    record = await world.create(f"file {number}", method="multipart")
    path = f"/files/{record['id']}"
    match number % 6:
        case 0:
            await send_parts(record, b"hello")
            assert (await world.insist("POST", f"{path}/complete")).status_code == 200
            return record, "uploaded"
        case 1:
            await send_parts(record, b"hello")
            return record, "uploaded"  # by the sweep: the client has vanished
        case 2:
            await send_parts(record, b"hello")
            assert (await world.insist("POST", f"{path}/abort")).status_code == 200
            return record, "failed"
        case 3:
            await send_parts(record, b"hello")
            assert (await world.insist("DELETE", path)).status_code in (204, 404)
            return record, "deleted"
        case 4:
            held = await world.insist("GET", f"{path}/parts")
            assert held.json()["missing"] == [[1, 1]]
            return record, "failed"  # by the sweep: nothing was sent
    put = await world.create(f"put {number}")
    assert (await send(put, b"hello")).status_code == 200
    body = {"id": put["id"], "status": "completed"}
    assert (await world.insist("PUT", "/file-status", json=body)).status_code == 200
    return put, "completed"


@pytest.mark.parametrize(("share", "seed"), [(1 / 3, 1), (1 / 2, 2)])
async def test_a_store_that_asks_to_slow_down(
    world: Weathered, bucket: Bucket, share: float, seed: int
) -> None:
    world.proxy.weather = chaos.slowing_down(share, seed)
    lives = await asyncio.gather(*(_one_life(world, number) for number in range(18)))
    await world.settle(*(record for record, _ in lives))

    for record, expected in lives:
        answer = await world.client.call("GET", f"/files/{record['id']}")
        found = "deleted" if answer.status_code == 404 else answer.json()["status"]
        assert found == expected
        assert bucket.uploads(record["key"]) == []
        assert bucket.holds(record["key"]) is (expected in ("uploaded", "completed"))
    held = [expected for _, expected in lives if expected in ("uploaded", "completed")]
    # The PUTs' companions in parts were never sent, and have expired.
    assert await world.usage() == (len(held), 0)


@pytest.mark.parametrize("weather", [chaos.losing_answers, chaos.dawdling], ids=["cut", "late"])
async def test_a_lost_answer_to_complete(impatient: Weathered, weather: chaos.Weather) -> None:
    record = await impatient.client.begin_and_send(TWO_PARTS)
    impatient.proxy.weather = chaos.on("CompleteMultipartUpload", weather, times=1)
    first = await impatient.client.complete(record)
    if not first.is_success:
        assert_retryable(first)
        assert await impatient.usage() == (0, 1)
    assert impatient.proxy.calls["CompleteMultipartUpload"] >= 1
    again = await impatient.client.complete(record)
    assert (again.status_code, again.json()["status"]) == (200, "uploaded")
    assert await impatient.client.trail(record) == [(None, "pending"), ("pending", "uploaded")]
    assert await impatient.client.content(record) == TWO_PARTS
    assert await impatient.usage() == (1, 0)


async def test_every_answer_to_complete_is_lost_and_the_sweep_finds_the_file(
    impatient: Weathered, bucket: Bucket
) -> None:
    record = await impatient.client.begin_and_send(b"hello")
    impatient.proxy.weather = chaos.on("CompleteMultipartUpload", chaos.losing_answers)
    answer = await impatient.client.complete(record)
    if not answer.is_success:
        assert_retryable(answer)
    await impatient.settle(record)
    assert (await impatient.client.look(record))["status"] == "uploaded"
    assert await impatient.client.content(record) == b"hello"
    assert await impatient.usage() == (1, 0)


LIES = [
    chaos.error(200, "InternalError"),
    chaos.error(409, "ConditionalRequestConflict"),
    chaos.error(412, "PreconditionFailed"),
    chaos.error(503, "SlowDown"),
    chaos.error(500, "InternalError"),
    chaos.error(403, "RequestTimeTooSkewed"),
    chaos.Answer(502, b"<html>Bad gateway</html>", [(b"content-type", b"text/html")]),
]
each_lie = pytest.mark.parametrize("lie", LIES, ids=lambda answer: f"{answer.status}")


@pytest.mark.parametrize("operation", ["ListParts", "CompleteMultipartUpload", "HeadObject"])
async def test_the_sweep_ends_no_upload_while_the_store_is_silent(
    impatient: Weathered, operation: str
) -> None:
    record = await impatient.client.begin_and_send(b"hello")
    impatient.clock.offset = timedelta(days=8)
    impatient.proxy.weather = chaos.on(operation, chaos.losing_calls)
    report = await impatient.service.container.sweep.run()
    assert report["postponed"] == 1
    assert (await impatient.client.look(record))["status"] == "pending"
    assert await impatient.usage() == (0, 1)

    impatient.proxy.weather = chaos.fair
    await impatient.settle(record)
    assert (await impatient.client.look(record))["status"] == "uploaded"
    assert await impatient.client.content(record) == b"hello"
    assert await impatient.usage() == (1, 0)


@each_lie
async def test_a_refusal_of_complete_loses_nothing(
    world: Weathered, bucket: Bucket, lie: chaos.Answer
) -> None:
    """The parts stay, the upload goes on, and completes in better weather."""
    record = await world.client.begin_and_send(TWO_PARTS)
    world.proxy.weather = chaos.on("CompleteMultipartUpload", chaos.answering(lie))
    for _ in range(2):
        assert_retryable(await world.client.complete(record))
    assert (await world.client.look(record))["status"] == "pending"
    assert len(bucket.uploads(record["key"])) == 1
    assert await world.usage() == (0, 1)

    world.proxy.weather = chaos.fair
    assert (await world.client.complete(record)).json()["status"] == "uploaded"
    assert await world.client.content(record) == TWO_PARTS
    assert await world.usage() == (1, 0)


@each_lie
async def test_a_completion_that_the_store_denies_is_found(
    world: Weathered, bucket: Bucket, lie: chaos.Answer
) -> None:
    record = await world.client.begin_and_send(b"hello")
    world.proxy.weather = chaos.on("CompleteMultipartUpload", chaos.denying(lie))
    answer = await world.client.complete(record)
    if not answer.is_success:
        assert_retryable(answer)
        answer = await world.client.complete(record)
    assert (answer.status_code, answer.json()["status"]) == (200, "uploaded")
    assert await world.client.content(record) == b"hello"
    assert bucket.uploads(record["key"]) == []
    assert await world.usage() == (1, 0)


async def test_a_200_that_holds_an_error_is_none(world: Weathered, bucket: Bucket) -> None:
    """The connection stays, the body says that the parts are wrong."""
    record = await world.client.begin_and_send(b"hello")
    lie = chaos.error(200, "InvalidPart")
    world.proxy.weather = chaos.on("CompleteMultipartUpload", chaos.answering(lie))
    answer = await world.client.complete(record)
    assert answer.status_code in (409, 500)
    assert (await world.client.look(record))["status"] == "pending"
    assert len(bucket.uploads(record["key"])) == 1
    world.proxy.weather = chaos.fair
    assert (await world.client.complete(record)).json()["status"] == "uploaded"


@pytest.mark.parametrize(
    ("operation", "method", "door"),
    [
        ("ListParts", "GET", "/parts"),
        ("ListParts", "POST", "/complete"),
        ("HeadObject", "POST", "/complete"),
        ("ListMultipartUploads", "POST", "/abort"),
        ("AbortMultipartUpload", "POST", "/abort"),
        ("DeleteObject", "POST", "/abort"),
        ("AbortMultipartUpload", "DELETE", ""),
        ("DeleteObject", "DELETE", ""),
    ],
)
async def test_each_call_may_fail_and_be_repeated(
    impatient: Weathered, bucket: Bucket, operation: str, method: str, door: str
) -> None:
    record = await impatient.client.begin_and_send(b"hello")
    for weather in (chaos.losing_calls, chaos.dawdling, chaos.losing_answers):
        impatient.proxy.weather = chaos.on(operation, weather)
        answer = await impatient.client.call(method, f"/files/{record['id']}{door}")
        if not answer.is_success:
            assert_retryable(answer)
        assert impatient.proxy.calls[operation] >= 1
    impatient.proxy.weather = chaos.fair
    again = await impatient.client.call(method, f"/files/{record['id']}{door}")
    assert again.status_code in (200, 204) or (method, again.status_code) == ("DELETE", 404)
    await impatient.settle(record)
    wanted = door in ("/parts", "/complete")
    assert bucket.holds(record["key"]) is wanted
    assert bucket.uploads(record["key"]) == []
    assert await impatient.usage() == (1 if wanted else 0, 0)


async def test_a_creation_that_the_store_did_not_answer_goes_on(
    impatient: Weathered, bucket: Bucket
) -> None:
    """Whether the store has begun the upload or not, the key leads to one that works."""
    for number, weather in enumerate((chaos.losing_calls, chaos.losing_answers, chaos.dawdling)):
        impatient.proxy.weather = chaos.on("CreateMultipartUpload", weather)
        body, key = ASKED | {"method": "multipart"}, {"Idempotency-Key": f"key {number}"}
        answer = await impatient.client.call("POST", "/presigned-url", json=body, headers=key)
        assert_retryable(answer)
        [left] = (await impatient.client.call("GET", "/files?status=pending")).json()["items"]
        assert await impatient.usage() == (number, 1)

        impatient.proxy.weather = chaos.fair
        record = await impatient.create(f"key {number}", method="multipart")
        assert record["id"] == left["id"]
        await send_parts(record, b"hello")
        assert (await impatient.client.complete(record)).json()["status"] == "uploaded"
    await impatient.settle()
    assert await impatient.usage() == (3, 0)


async def test_a_batch_whose_store_fails_half_way_adds_up(world: Weathered, bucket: Bucket) -> None:
    world.proxy.weather = chaos.on("CreateMultipartUpload", chaos.slowing_down(0.5, 5))
    body = {"files": [ASKED | {"method": "multipart"}] * 20}
    answer = await world.insist(
        "POST", "/presigned-urls", json=body, headers={"Idempotency-Key": "batch"}
    )
    items = answer.json()["items"]
    assert len({item["id"] for item in items}) == 20
    assert await world.usage() == (0, 20)
    for item in items[:3]:
        await send_parts(item, b"hello")
        assert (await world.insist("POST", f"/files/{item['id']}/complete")).status_code == 200
    world.proxy.weather = chaos.fair
    await world.settle(*items)
    assert await world.usage() == (3, 0)
    for item in items[3:]:
        assert bucket.is_clear_of(item["key"])


def _parts_page(marker: int, size: int = 1_000) -> chaos.Answer:
    """ListParts as AWS answers it of 10,000 parts, of which 42 and 9,000 to 9,002 lack."""
    lacking = {42, 9_000, 9_001, 9_002}
    numbers = [n for n in range(marker + 1, 10_001) if n not in lacking][:size]
    parts = "".join(
        f"<Part><PartNumber>{n}</PartNumber><Size>{5 * 1024**2}</Size><ETag>&quot;{n:032x}&quot;"
        "</ETag><LastModified>2026-11-21T12:00:00.000Z</LastModified></Part>"
        for n in numbers
    )
    more = str(numbers[-1] < 10_000).lower()
    body = (
        f"<ListPartsResult><IsTruncated>{more}</IsTruncated><MaxParts>{size}</MaxParts>"
        f"<NextPartNumberMarker>{numbers[-1]}</NextPartNumberMarker>{parts}</ListPartsResult>"
    )
    return chaos.Answer(200, body.encode(), [(b"content-type", b"application/xml")])


async def test_ten_thousand_parts_are_listed_over_pages(world: Weathered) -> None:
    async def paged(call: chaos.Call, forward: chaos.Forward) -> chaos.Answer | None:
        [marker] = call.query.get("part-number-marker", ["0"])
        return _parts_page(int(marker))

    record = await world.client.begin(file_size=10_000 * 5 * 1024**2)
    assert record["multipart"]["part_count"] == 10_000
    world.proxy.weather = chaos.on("ListParts", paged)
    held = await world.client.held(record)
    assert world.proxy.calls["ListParts"] >= 10
    assert len(held["parts"]) == 9_996
    assert held["missing"] == [[42, 42], [9_000, 9_002]]
    assert held["uploaded_bytes"] == 9_996 * 5 * 1024**2
    answer = await world.client.complete(record)
    assert (answer.status_code, answer.json()["missing"]) == (409, held["missing"])
