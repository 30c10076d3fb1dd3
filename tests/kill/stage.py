"""One owner, their services and their hands."""

import dataclasses
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from app.container import Services, build_services
from app.database.config import Database
from app.domain.file import FileRecord
from app.domain.parts import MIN_PART_SIZE
from app.domain.policy import Policies, UploadPolicy
from app.domain.ports import FileRepository, SignedRequest
from app.domain.principal import Principal, Scope
from app.domain.upload_request import UploadRequest
from app.infrastructure.metrics import Metrics
from app.infrastructure.storage.s3 import S3ObjectStore
from app.repository.file_storage_repository import FileStorageRepository
from app.service.part_urls import IssuedParts
from app.service.presigned_url import Upload
from app.settings import Settings
from tests.fakes.file_repository import InMemoryFileRepository
from tests.fakes.object_store import InMemoryObjectStore
from tests.support.aftermath import ListedStore
from tests.support.databases import opened
from tests.support.killing import OnCall, Watched, ignore, is_step
from tests.support.ledger import InMemoryLedger, Ledger, PostgresLedger
from tests.support.stores import send_signed

POLICIES = Policies(
    {
        "default": UploadPolicy(part_size=MIN_PART_SIZE),
        "auto": UploadPolicy(name="auto", part_size=MIN_PART_SIZE, auto_complete=True),
    }
)

Send = Callable[[SignedRequest, bytes], Awaitable[httpx.Response]]


@dataclass
class Clock:
    """The time of day, and so much later."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def reach(self, time: datetime) -> None:
        """Make it `time`, unless it is later already."""
        self.ahead += max(timedelta(0), time - self())

    def reset(self) -> None:
        self.ahead = timedelta(0)


@dataclass(frozen=True)
class Adapters:
    repository: FileRepository
    store: ListedStore
    ledger: Ledger
    send: Send


@dataclass
class Stage:
    """The services for one owner, whose files are under a folder of their own."""

    adapters: Adapters
    clock: Clock
    owner: str
    after_call: OnCall = ignore
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = build_services(
            repository=Watched("repository", self.adapters.repository, after=self.after_call),
            store=Watched("store", self.adapters.store, after=self.after_call),
            policies=POLICIES,
            metrics=Metrics(),
            clock=self.clock,
            key_prefix=self.owner,
        )

    @property
    def folder(self) -> str:
        return f"{self.owner}/"

    @property
    def user(self) -> Principal:
        return Principal(self.owner, frozenset({Scope.READ, Scope.WRITE, Scope.PROCESS}))

    def stopping_after(self, steps: int) -> "Stage":
        """The same owner, whose next use case stops with `Stopped` once so many steps are done."""
        done = itertools.count(1)

        async def after_call(call: str) -> None:
            if is_step(call) and next(done) == steps:
                raise Stopped

        return dataclasses.replace(self, after_call=after_call)

    async def files(self) -> list[FileRecord]:
        """Those that are not deleted."""
        return await self.adapters.repository.page(
            self.owner, status=None, policy=None, before=None, limit=100
        )

    async def ask(self, request: UploadRequest) -> Upload:
        return await self.services.presigned_urls.create(self.user, request)

    async def send(self, upload: Upload) -> None:
        """All the bytes of an upload."""
        if upload.signed is not None:
            size = upload.record.file_size
            await self.put(upload.signed, size // 2 if upload.record.size_is_limit else size)
        if upload.parts is not None:
            await self.send_parts(upload.parts, upload.parts.numbers)

    async def send_parts(self, issued: IssuedParts, numbers: Iterable[int]) -> None:
        for number, url in zip(issued.numbers, issued.signed.urls, strict=True):
            if number in numbers:
                signed = SignedRequest("PUT", url, issued.signed.expires_at)
                await self.put(signed, issued.record.plan.size_of(number))

    async def put(self, signed: SignedRequest, size: int) -> None:
        answer = await self.adapters.send(signed, bytes(size))
        assert answer.status_code in (200, 201), answer.text


class Stopped(Exception):
    """In the middle of a use case."""


def in_memory(clock: Clock) -> Adapters:
    repository, store = InMemoryFileRepository(), InMemoryObjectStore(clock=clock)
    return Adapters(repository, store, InMemoryLedger(repository), store.send)


def real(database: Database, store: S3ObjectStore) -> Adapters:
    ledger = PostgresLedger(database)
    return Adapters(FileStorageRepository(database), store, ledger, send_signed)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    assert settings.database_url is not None
    async with opened(settings.database_url.get_secret_value(), pool_size=4) as database:
        yield database
