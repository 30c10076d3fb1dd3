"""The composition root: settings -> adapters -> services. Nothing else builds an adapter."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat  # UUIDv7 (RFC 9562), ids that sort by time: Python has it from 3.14 on

from app.database.config import Database
from app.database.migrate import check_current
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore
from app.infrastructure.jwt_verifier import JwtVerifier, jwt_verifier
from app.infrastructure.metrics import Metrics
from app.infrastructure.policy_file import load_policies
from app.infrastructure.rate_limit import RateLimiter
from app.infrastructure.storage.s3 import open_s3_store
from app.repository.file_storage_repository import FileStorageRepository
from app.service.completion import Completion
from app.service.file_storage import FileStorageService
from app.service.presigned_url import PresignedUrlService
from app.settings import Settings


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What the entry points need. `pings` names each part that readiness asks."""

    settings: Settings
    clock: Callable[[], datetime]
    metrics: Metrics
    verifier: JwtVerifier
    limiter: RateLimiter
    presigned_urls: PresignedUrlService
    files: FileStorageService
    pings: Mapping[str, Callable[[], Awaitable[None]]]


@asynccontextmanager
async def open_container(
    settings: Settings,
    *,
    metrics: Metrics,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    store: ObjectStore | None = None,
    repository: FileRepository | None = None,
) -> AsyncIterator[Container]:
    """Open every adapter that was not handed in, and close them in reverse.

    Neither PostgreSQL nor the store needs to answer yet: readiness says when they do.
    """
    async with AsyncExitStack() as stack:
        database = Database(
            settings.database_url.get_secret_value() if settings.database_url else "",
            pool_size=settings.database_pool_size,
            timeout=settings.database_timeout,
        )
        await database.open()
        stack.push_async_callback(database.close)
        metrics.watch_pool(database.pool_status)
        verifier = jwt_verifier(settings)
        stack.push_async_callback(verifier.close)
        limiter = RateLimiter(settings, metrics)
        stack.push_async_callback(limiter.close)
        if store is None:
            s3 = await open_s3_store(
                settings, clock=clock, on_call=metrics.store_call, on_signer=metrics.signer
            )
            stack.push_async_callback(s3.close)
            store = s3
        if repository is None:
            repository = FileStorageRepository(database)
        policies = load_policies(settings.upload_policies_file, settings.presign_expires_in)
        yield Container(
            settings=settings,
            clock=clock,
            metrics=metrics,
            verifier=verifier,
            limiter=limiter,
            presigned_urls=PresignedUrlService(
                repository=repository,
                store=store,
                policies=policies,
                key_prefix=settings.s3_key_prefix,
                clock=clock,
                new_id=new_id,
                on_issued=metrics.url_issued,
            ),
            files=_files(repository, store, policies, clock, metrics),
            pings={
                "database": database.ping,
                "migrations": lambda: check_current(database),
                "storage": store.ping,
            },
        )


def _files(
    repository: FileRepository,
    store: ObjectStore,
    policies: Policies,
    clock: Callable[[], datetime],
    metrics: Metrics,
) -> FileStorageService:
    completion = Completion(
        repository=repository,
        store=store,
        clock=clock,
        on_verdict=metrics.verification,
        on_move=metrics.transition,
    )
    return FileStorageService(
        repository=repository, store=store, completion=completion, policies=policies, clock=clock
    )
