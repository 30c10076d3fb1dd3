"""The composition root: settings -> adapters -> services. Nothing else builds an adapter."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat  # UUIDv7 (RFC 9562), ids that sort by time: Python has it from 3.14 on
from pydantic import SecretStr

from app.database.config import Database
from app.database.listening import Listener
from app.database.migrate import check_current
from app.domain.diagnosis import Check, Finding, Remedy, failure, ok
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore, StoreListing, UsageRepository
from app.domain.reconciliation import RecordSurvey
from app.domain.usage import Limits
from app.domain.webhook_address import AddressRule
from app.infrastructure.diagnosis.service_checks import helper_checks, settings_checks
from app.infrastructure.diagnosis.store import StoreAccess
from app.infrastructure.diagnosis.store_checks import store_checks
from app.infrastructure.events.sns import SnsTopics
from app.infrastructure.jwt_verifier import JwtVerifier, jwt_verifier
from app.infrastructure.metrics import Metrics
from app.infrastructure.policy_file import load_limits, load_policies
from app.infrastructure.rate_limit import RateLimiter
from app.infrastructure.storage.s3 import open_s3_store
from app.infrastructure.webhooks.sender import WebhookSender
from app.infrastructure.webhooks.signing import new_secret, sign
from app.repository.change_repository import ChangeRepository
from app.repository.diagnosis.access import DatabaseAccess
from app.repository.diagnosis.checks import database_checks
from app.repository.file_storage_repository import FileStorageRepository
from app.repository.history_repository import HistoryRepository
from app.repository.job_repository import JobRepository
from app.repository.oversight_repository import OversightRepository
from app.repository.parked_event_repository import ParkedEventRepository
from app.repository.reconciliation import PostgresRecordSurvey
from app.repository.upload_token_repository import UploadTokenRepository
from app.repository.usage_repository import PostgresUsageRepository
from app.repository.webhook_oversight import WebhookOversight
from app.repository.webhook_repository import PostgresWebhookRepository
from app.service.arrival import ArrivalService
from app.service.completion import Completion
from app.service.delivery import DeliveryService
from app.service.doctor import Doctor
from app.service.explain import ExplainService
from app.service.file_storage import FileStorageService
from app.service.history import HistoryService
from app.service.live import LiveService
from app.service.live_hub import LiveHub
from app.service.multipart import MultipartService
from app.service.part_urls import PartUrlService
from app.service.presigned_url import PresignedUrlService
from app.service.reconcile import ReconcileService
from app.service.removal import RemovalService
from app.service.repair import RepairService
from app.service.shared_diagnosis import SharedDiagnosis
from app.service.status_reports import StatusReportService
from app.service.storage_events import StorageEventService
from app.service.survey import Survey
from app.service.sweep import SweepService
from app.service.upload_tokens import UploadTokenService
from app.service.uppy import UppyService
from app.service.usage import UsageService
from app.service.webhooks import WebhookService
from app.settings import Settings


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases, which know their adapters by the domain's ports alone."""

    presigned_urls: PresignedUrlService
    files: FileStorageService
    status_reports: StatusReportService
    part_urls: PartUrlService
    multipart: MultipartService
    removal: RemovalService
    sweep: SweepService
    storage_events: StorageEventService
    arrivals: ArrivalService
    uppy: UppyService


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Services):
    """What the entry points need. `pings` names each part that readiness asks."""

    clock: Callable[[], datetime]
    metrics: Metrics
    verifier: JwtVerifier
    limiter: RateLimiter
    jobs: JobRepository
    sns: SnsTopics
    events_secret: SecretStr | None
    parked_events: ParkedEventRepository
    upload_tokens: UploadTokenService
    webhooks: WebhookService
    deliveries: DeliveryService
    usage: UsageService
    history: HistoryService
    oversight: OversightRepository
    webhook_oversight: WebhookOversight
    usages: PostgresUsageRepository
    reconcile: ReconcileService
    live: LiveService
    diagnosis: SharedDiagnosis
    pings: Mapping[str, Callable[[], Awaitable[None]]]
    store_origin: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What can be built of settings alone, without a call to anything."""

    verifier: JwtVerifier
    limiter: RateLimiter
    policies: Policies
    limits: Limits
    webhook_addresses: AddressRule


def build_parts(settings: Settings, metrics: Metrics) -> Parts:
    """Nothing is connected yet. Raises ValueError, which names the setting that is wrong."""
    return Parts(
        verifier=jwt_verifier(settings),
        limiter=RateLimiter(settings, metrics),
        policies=load_policies(settings.upload_policies_file, settings.presign_expires_in),
        limits=load_limits(settings.upload_policies_file),
        webhook_addresses=_webhook_addresses(settings),
    )


def _webhook_addresses(settings: Settings) -> AddressRule:
    try:
        return AddressRule.parse(settings.webhook_allowed_networks)
    except ValueError as error:
        raise ValueError(f"WEBHOOK_ALLOWED_NETWORKS: {error}") from None


def build_database(settings: Settings) -> Database:
    """Not connected yet. Raises ValueError for a DATABASE_URL that is none."""
    return Database(
        _database_url(settings),
        pool_size=settings.database_pool_size,
        timeout=settings.database_timeout,
    )


def _database_url(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


@asynccontextmanager
async def open_container(
    settings: Settings, *, metrics: Metrics, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Container]:
    """Open every adapter, and close them in reverse.

    Neither PostgreSQL nor the store needs to answer yet: readiness says when they do.
    """
    parts = build_parts(settings, metrics)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.verifier.close)
        stack.push_async_callback(parts.limiter.close)
        database = build_database(settings)
        await database.open()
        stack.push_async_callback(database.close)
        metrics.watch_pool(database.pool_status)
        store = await open_s3_store(
            settings, clock=clock, on_call=metrics.store_call, on_signer=metrics.signer
        )
        stack.push_async_callback(store.close)
        sender = WebhookSender(parts.webhook_addresses, connections=settings.webhook_concurrency)
        stack.push_async_callback(sender.close)
        webhooks = PostgresWebhookRepository(database)
        usages = PostgresUsageRepository(database, parts.limits)
        files = FileStorageRepository(database, parts.limits)
        tokens = UploadTokenRepository(database)
        live = _live(settings, database, files, metrics)
        stack.push_async_callback(live.close)
        diagnosis = SharedDiagnosis(
            await stack.enter_async_context(open_doctor(settings, clock=clock))
        )
        stack.push_async_callback(diagnosis.close)
        services = build_services(
            repository=files,
            store=store,
            policies=parts.policies,
            metrics=metrics,
            clock=clock,
            key_prefix=settings.s3_key_prefix,
            bucket=settings.s3_bucket,
        )
        yield Container(
            **{field.name: getattr(services, field.name) for field in fields(services)},
            clock=clock,
            metrics=metrics,
            verifier=parts.verifier,
            limiter=parts.limiter,
            jobs=JobRepository(database),
            sns=SnsTopics(settings.storage_events_topics, clock=clock),
            events_secret=settings.storage_events_secret,
            parked_events=ParkedEventRepository(database),
            upload_tokens=UploadTokenService(
                keep=tokens.keep, find=tokens.find, policies=parts.policies, clock=clock
            ),
            webhooks=WebhookService(
                repository=webhooks,
                rule=parts.webhook_addresses,
                clock=clock,
                new_id=uuid_utils.compat.uuid7,
                new_secret=new_secret,
            ),
            deliveries=DeliveryService(
                repository=webhooks,
                send=sender.post,
                sign=sign,
                clock=clock,
                on_attempt=metrics.webhook_attempt,
                on_disabled=metrics.webhook_disabled,
            ),
            usage=UsageService(usages),
            history=HistoryService(HistoryRepository(database).outcomes, clock=clock),
            oversight=OversightRepository(database),
            webhook_oversight=WebhookOversight(database),
            usages=usages,
            live=live,
            diagnosis=diagnosis,
            reconcile=build_reconcile(
                removal=services.removal,
                sweep=services.sweep,
                files=files,
                records=PostgresRecordSurvey(database),
                usages=usages,
                store=store,
                listing=store,
                clock=clock,
                key_prefix=settings.s3_key_prefix,
            ),
            pings={
                "database": database.ping,
                "migrations": lambda: check_current(database),
                "storage": store.ping,
            },
            store_origin=store.public_origin,
        )


def _live(
    settings: Settings, database: Database, files: FileRepository, metrics: Metrics
) -> LiveService:
    feed = ChangeRepository(database)
    return LiveService(
        hub=LiveHub(feed, Listener(_database_url(settings)).listen),
        feed=feed,
        repository=files,
        max_streams=settings.max_streams,
        max_per_owner=settings.max_streams_per_owner,
        on_open=metrics.stream_opened,
        on_end=metrics.stream_ended,
    )


def build_services(
    *,
    repository: FileRepository,
    store: ObjectStore,
    policies: Policies,
    metrics: Metrics,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], UUID] = uuid_utils.compat.uuid7,
    key_prefix: str = "uploads",
    bucket: str = "slipway",
) -> Services:
    """The use cases on these adapters, whichever they are."""
    completion = Completion(
        repository=repository,
        store=store,
        clock=clock,
        on_verdict=metrics.verification,
        on_move=metrics.transition,
    )
    removal = RemovalService(repository=repository, store=store, clock=clock)
    multipart = MultipartService(
        repository=repository,
        store=store,
        completion=completion,
        removal=removal,
        policies=policies,
    )
    part_urls = PartUrlService(
        repository=repository,
        store=store,
        policies=policies,
        clock=clock,
        on_parts_issued=metrics.part_urls_issued,
    )
    storage = FileStorageService(
        repository=repository,
        store=store,
        completion=completion,
        removal=removal,
        policies=policies,
        clock=clock,
    )
    presigned_urls = PresignedUrlService(
        repository=repository,
        store=store,
        part_urls=part_urls,
        policies=policies,
        key_prefix=key_prefix,
        clock=clock,
        new_id=new_id,
        on_issued=metrics.url_issued,
    )
    arrivals = ArrivalService(
        repository=repository, completion=completion, policies=policies, clock=clock
    )
    return Services(
        presigned_urls=presigned_urls,
        files=storage,
        status_reports=StatusReportService(
            repository=repository, files=storage, on_report=metrics.status_report
        ),
        part_urls=part_urls,
        multipart=multipart,
        removal=removal,
        sweep=SweepService(
            repository=repository,
            store=store,
            completion=completion,
            multipart=multipart,
            removal=removal,
            policies=policies,
            clock=clock,
        ),
        storage_events=StorageEventService(
            repository=repository,
            completion=completion,
            removal=removal,
            policies=policies,
            bucket=bucket,
            key_prefix=key_prefix,
            clock=clock,
            on_events=metrics.storage_events,
        ),
        arrivals=arrivals,
        uppy=UppyService(
            repository=repository,
            store=store,
            policies=policies,
            uploads=presigned_urls,
            part_urls=part_urls,
            multipart=multipart,
            arrivals=arrivals,
            bucket=bucket,
        ),
    )


def build_reconcile(
    *,
    removal: RemovalService,
    sweep: SweepService,
    files: FileRepository,
    records: RecordSurvey,
    usages: UsageRepository,
    store: ObjectStore,
    listing: StoreListing,
    clock: Callable[[], datetime] = utc_now,
    key_prefix: str = "uploads",
) -> ReconcileService:
    """What compares these adapters with one another, and repairs by these services."""
    repairs = RepairService(
        files=files,
        records=records,
        usages=usages,
        store=store,
        removal=removal,
        sweep=sweep,
        clock=clock,
    )

    def new_survey(before: datetime) -> Survey:
        return Survey(
            files=files,
            records=records,
            usages=usages,
            store=store,
            listing=listing,
            key_prefix=key_prefix,
            before=before,
        )

    return ReconcileService(records=records, new_survey=new_survey, repairs=repairs, clock=clock)


@asynccontextmanager
async def open_doctor(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Doctor]:
    """What examines the surroundings of a service with these settings.

    Nothing is connected before a check needs it, so it opens whatever is broken.
    """
    async with AsyncExitStack() as stack:
        store = StoreAccess(settings, clock=clock)
        stack.push_async_callback(store.close)
        database = DatabaseAccess(_database_url(settings), timeout=settings.database_timeout)
        checks = [
            _settings_check(settings),
            *settings_checks(settings),
            *store_checks(store),
            *database_checks(
                database,
                production=settings.is_production,
                api_processes=settings.workers,
                pool_size=settings.database_pool_size,
                event_ways=_event_ways(settings),
            ),
            *helper_checks(settings, store),
        ]
        yield Doctor(checks, clock=clock)


def _event_ways(settings: Settings) -> list[str]:
    """The settings that let bucket events in."""
    names = ("s3_events_queue_url", "storage_events_topics", "storage_events_secret")
    return [name.upper() for name in names if getattr(settings, name)]


def _settings_check(settings: Settings) -> Check:
    async def examine() -> list[Finding]:
        try:
            parts = build_parts(settings, Metrics())
        except ValueError as error:
            why = "The service does not start with them."
            return [failure(f"{error}.", why=why, remedy=Remedy(text="Mend the one it names."))]
        await parts.verifier.close()
        await parts.limiter.close()
        return [ok("They load, and the service would start with them.")]

    return Check(name="settings", title="Settings", examine=examine)


@asynccontextmanager
async def open_explain(
    settings: Settings, *, signing_as_of: datetime
) -> AsyncIterator[ExplainService]:
    """What holds a failed request against its record, with URLs as of that moment.

    Raises `StorageUnavailable` when there are no credentials to sign with.
    """
    async with AsyncExitStack() as stack:
        database = build_database(settings)
        await database.open()
        stack.push_async_callback(database.close)
        await check_current(database)
        metrics = Metrics()
        store = await open_s3_store(
            settings,
            clock=lambda: signing_as_of,
            on_call=metrics.store_call,
            on_signer=metrics.signer,
        )
        stack.push_async_callback(store.close)
        yield ExplainService(FileStorageRepository(database), store)
