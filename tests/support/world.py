"""The services on twins in memory, with a clock that a test moves."""

import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from app.container import build_services
from app.domain.file import FileRecord, FileStatus
from app.domain.parts import MIB
from app.domain.policy import Policies, UploadPolicy
from app.domain.principal import Principal, Scope
from app.domain.upload_request import RequestedMethod, UploadRequest
from app.service.file_storage import FileRef
from app.service.presigned_url import Upload
from tests.fakes.file_repository import InMemoryFileRepository
from tests.fakes.object_store import InMemoryObjectStore
from tests.support.records import NOON

PART = 5 * MIB
"""Bytes of a part under the policies here, the least that S3 takes."""

ALICE = Principal("alice", frozenset({Scope.READ, Scope.WRITE, Scope.PROCESS}))
POLICIES = Policies(
    {
        "default": UploadPolicy(part_size=PART),
        "auto": UploadPolicy(name="auto", auto_complete=True, part_size=PART),
    }
)
HELLO = UploadRequest(filename="hello.txt", type="text/plain", file_size=5)


class World:
    """The services on fakes, with a clock that a test moves and counts that it reads."""

    def __init__(self) -> None:
        self.now = NOON
        self.repository = InMemoryFileRepository()
        self.store = InMemoryObjectStore(clock=self.clock)
        self.counts: list[tuple[str, ...]] = []
        services = build_services(
            repository=self.repository,
            store=self.store,
            policies=POLICIES,
            metrics=self,
            clock=self.clock,
        )
        self.uploads, self.files = services.presigned_urls, services.files
        self.reports = services.status_reports
        self.part_urls, self.multipart = services.part_urls, services.multipart
        self.removal, self.sweep = services.removal, services.sweep
        self.events = services.storage_events
        self.uppy, self.arrivals = services.uppy, services.arrivals

    def url_issued(self, method: str, policy: str) -> None:
        self.counts.append((method, policy))

    def part_urls_issued(self, count: int) -> None:
        self.counts.append(("parts", str(count)))

    def verification(self, verdict: str) -> None:
        self.counts.append((verdict,))

    def transition(self, before: str, after: str) -> None:
        self.counts.append((before, after))

    def status_report(self, outcome: str) -> None:
        self.counts.append(("report", outcome))

    def storage_events(self, outcome: str, count: int) -> None:
        self.counts.append((outcome, str(count)))

    def clock(self) -> datetime:
        return self.now

    async def uploaded(self, **changes: Any) -> FileRecord:
        """A pending record whose bytes are in the store."""
        upload = await self.uploads.create(ALICE, dataclasses.replace(HELLO, **changes))
        self.store.put(upload.record.key, b"hello", "text/plain")
        return upload.record

    async def move(self, record: FileRecord, target: FileStatus) -> FileRecord:
        return await self.files.update_status(ALICE, FileRef(id=record.id), target)

    def before_next_move(self, action: Callable[[], Awaitable[object]]) -> None:
        """Let `action` win the race against the next compare-and-set."""
        honest = self.repository.move

        async def late(*arguments: Any) -> bool:
            self.repository.move = honest  # type: ignore[method-assign]
            await action()
            return await honest(*arguments)

        self.repository.move = late  # type: ignore[method-assign]

    async def in_parts(self, parts: int = 3, **changes: Any) -> Upload:
        """A multipart upload of `parts` parts, the last of them a single byte."""
        wish = {"method": RequestedMethod.MULTIPART, "file_size": (parts - 1) * PART + 1}
        return await self.uploads.create(ALICE, dataclasses.replace(HELLO, **(wish | changes)))

    async def send_parts(self, upload: Upload, numbers: Iterable[int]) -> None:
        """Send these parts by the URLs that came with the creation, each in its size."""
        assert upload.parts is not None
        for number in numbers:
            body = bytes(upload.record.plan.size_of(number))
            answer = await self.store.send_part(upload.parts.signed.urls[number - 1], body)
            assert answer.status_code == 200

    async def status(self, record: FileRecord) -> FileStatus:
        """Of the record as it is now."""
        return self.repository.records[record.id].status
