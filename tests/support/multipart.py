"""What a client does with a file in parts, and what is really in the store."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from app.container import Container
from app.domain.job import JobName
from app.domain.parts import MIN_PART_SIZE
from app.settings import Settings
from tests.support.databases import deferred_jobs
from tests.support.service import User, running

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TWO_PARTS = b"a" * MIN_PART_SIZE + b"the rest"
THREE_PARTS = b"a" * MIN_PART_SIZE + b"b" * MIN_PART_SIZE + b"the rest"

POLICIES = """
[policies.default]
part_size = "5 MiB"
multipart_threshold = "5 MiB"

[policies.auto]
part_size = "5 MiB"
auto_complete = true

[policies.brief]
part_size = "5 MiB"
expires_in = 60
pending_grace = 0
multipart_grace = 60
"""


def with_policies(settings: Settings, directory: Path, policies: str = POLICIES) -> Settings:
    """The settings with this policy file."""
    file = directory / "policies.toml"
    file.write_text(policies)
    return changed(settings, upload_policies_file=file)


def changed(settings: Settings, **changes: Any) -> Settings:
    return Settings(_env_file=None, **(settings.model_dump() | changes))


class Clock:
    """The time of day, moved by a test."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass
class Uploader(User):
    """A user whose files go in parts."""

    async def begin(self, content: bytes = TWO_PARTS, **body: Any) -> dict[str, Any]:
        """A new pending multipart record for `content`, with the URLs of its first parts."""
        return await self.ask(content, **({"method": "multipart"} | body))

    async def begin_and_send(self, content: bytes = TWO_PARTS, **body: Any) -> dict[str, Any]:
        """The same, with every part in the store."""
        record = await self.begin(content, **body)
        await send_parts(record, content)
        return record

    async def sign(
        self, record: dict[str, Any], *numbers: int, **body: Any
    ) -> list[dict[str, Any]]:
        """Fresh URLs for these parts."""
        answer = await self.parts_of(record, "POST", json={"part_numbers": numbers, **body})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["parts"])

    async def held(self, record: dict[str, Any]) -> dict[str, Any]:
        """What `GET /files/{id}/parts` says."""
        answer = await self.parts_of(record, "GET")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def parts_of(self, record: dict[str, Any], method: str, **options: Any) -> httpx.Response:
        return await self.call(method, f"/files/{record['id']}/parts", **options)

    async def complete(self, record: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.call("POST", f"/files/{record['id']}/complete", **options)

    async def abort(self, record: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.call("POST", f"/files/{record['id']}/abort", **options)

    async def delete(self, record: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.call("DELETE", f"/files/{record['id']}", **options)

    async def look(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record as it is now."""
        answer = await self.call("GET", f"/files/{record['id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def events(self, record: dict[str, Any]) -> list[str]:
        answer = await self.call("GET", f"/files/{record['id']}/events")
        return [event["event"] for event in answer.json()["items"]]

    async def content(self, record: dict[str, Any]) -> bytes:
        """The bytes that a download of the file yields."""
        answer = await self.call("POST", f"/files/{record['id']}/download-url")
        assert answer.status_code == 200, answer.text
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
            return (await http.get(answer.json()["url"])).content


def piece(record: dict[str, Any], content: bytes, number: int) -> bytes:
    """The bytes of one part."""
    size = record["multipart"]["part_size"]
    return content[(number - 1) * size : number * size]


async def send_part(url: str, content: bytes) -> httpx.Response:
    """PUT a part straight to the store, with nothing but its bytes."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        return await http.put(url, content=content)


async def send_parts(
    record: dict[str, Any], content: bytes, parts: Iterable[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Send the parts, those of the record unless others are given; returns the client's list."""
    chosen = list(record["multipart"]["parts"] if parts is None else parts)
    answers = await asyncio.gather(
        *(send_part(part["url"], piece(record, content, part["part_number"])) for part in chosen)
    )
    assert [answer.status_code for answer in answers] == [200] * len(chosen), answers[0].text
    return [
        {"part_number": part["part_number"], "etag": answer.headers["ETag"]}
        for part, answer in zip(chosen, answers, strict=True)
    ]


@dataclass
class Bucket:
    """The bucket behind the service's back."""

    s3: "S3Client"
    name: str

    def uploads(self, key: str) -> list[str]:
        """The unfinished uploads under the key."""
        answer = self.s3.list_multipart_uploads(Bucket=self.name, Prefix=key)
        return [upload["UploadId"] for upload in answer.get("Uploads", ()) if upload["Key"] == key]

    def holds(self, key: str) -> bool:
        answer = self.s3.list_objects_v2(Bucket=self.name, Prefix=key)
        return any(entry["Key"] == key for entry in answer.get("Contents", ()))

    def is_clear_of(self, key: str) -> bool:
        """Whether neither an object nor a part is left."""
        return not self.uploads(key) and not self.holds(key)


async def run_jobs(container: Container, database_url: str, file_id: str) -> None:
    """What a worker does with the jobs that wait for a file, due or not."""
    work = {
        JobName.DISCARD: container.removal.discard,
        JobName.DELETE: container.removal.finish_deletion,
    }
    for job in await deferred_jobs(database_url, UUID(file_id)):
        await work[job.name](job.file_id)


@dataclass
class PartsService:
    """The application under POLICIES, by a clock that a test may move."""

    api: httpx.AsyncClient
    container: Container
    clock: Clock
    database_url: str

    async def run_jobs(self, record: dict[str, Any]) -> None:
        """Those that wait for the file."""
        await run_jobs(self.container, self.database_url, record["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def parts_service(
    settings: Settings, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PartsService]:
    clock = Clock()
    under = with_policies(settings, tmp_path_factory.mktemp("policies"))
    async with running(under, clock) as service:
        yield PartsService(service.api, service.container, clock, database_url)


@pytest.fixture
def clock(parts_service: PartsService) -> Clock:
    """The service's, at the time of day when a test begins."""
    parts_service.clock.offset = timedelta(0)
    return parts_service.clock


@pytest.fixture
def uploader(parts_service: PartsService, clock: Clock) -> Uploader:
    return Uploader(parts_service.api)


@pytest.fixture
def stranger(parts_service: PartsService) -> Uploader:
    return Uploader(parts_service.api)


@pytest.fixture
def bucket(admin_s3: "S3Client", store_settings: Settings) -> Bucket:
    return Bucket(admin_s3, store_settings.s3_bucket)
