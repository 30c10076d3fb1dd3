"""The signer of the moment: credentials of roles and sessions end, and others take their place."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import boto3
import structlog

from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage.boto_signer import Boto3Signer
from app.infrastructure.storage.client import signing_client
from app.infrastructure.storage.credentials import SigningCredentials, read_credentials
from app.infrastructure.storage.probe import choose_signer
from app.infrastructure.storage.signer import Signer
from app.settings import Settings

log = structlog.get_logger()

# botocore's own windows: asked earlier, it returns the credentials that it has.
# https://github.com/boto/botocore/blob/develop/botocore/credentials.py
RENEW_BEFORE_END = timedelta(minutes=15)
WAIT_BEFORE_END = timedelta(minutes=10)
RETRY_AFTER = timedelta(seconds=30)

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of credentials and the signers that were chosen for it."""

    credentials: SigningCredentials
    signer: Signer
    """Of what clients send, to S3_PUBLIC_ENDPOINT_URL if that is set."""
    internal: Signer
    """Of what the service itself sends, to S3_ENDPOINT_URL."""

    @property
    def ends(self) -> datetime:
        """The end of the credentials, cut to the second because URLs count in seconds."""
        expires_at = self.credentials.expires_at
        return NEVER if expires_at is None else expires_at.replace(microsecond=0)


class RotatingSigner:
    """Hands out the current generation and renews it in the thread pool, once at a time.

    Renewal begins 15 minutes before the end; callers wait for it in the last 10 minutes only, and
    `timeout` seconds at most. Credentials that do not expire cost one comparison.
    """

    def __init__(
        self,
        session: boto3.Session,
        settings: Settings,
        pool: ThreadPoolExecutor,
        on_signer: Callable[[str], None],
    ) -> None:
        self._session = session
        self._settings = settings
        self._pool = pool
        self._on_signer = on_signer
        self._generation: Generation | None = None
        self._renew_at = NEVER
        self._renewal: asyncio.Task[None] | None = None

    async def open(self, now: datetime) -> None:
        """Read the first generation; raises `StorageUnavailable` when there are no credentials."""
        self._accept(await self._read(), now)

    def close(self) -> None:
        """Give up a renewal under way."""
        if self._renewal is not None:
            self._renewal.cancel()

    async def current(self, now: datetime) -> Generation:
        """The generation to sign with; raises `StorageUnavailable` when it has ended for good."""
        if now >= self._renew_at:
            await self._renew(now)
        if self._generation is None or now >= self._generation.ends:
            raise StorageUnavailable(
                "The credentials that sign URLs have expired and could not be renewed yet: "
                "check the role or session of the service.",
                retry_after=round(RETRY_AFTER.total_seconds()),
            )
        return self._generation

    async def _renew(self, now: datetime) -> None:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._try_to_renew(now))
        if self._generation is None or now >= self._generation.ends - WAIT_BEFORE_END:
            await asyncio.wait({self._renewal}, timeout=self._settings.s3_timeout)

    async def _try_to_renew(self, now: datetime) -> None:
        try:
            self._accept(await self._read(), now)
        except Exception as error:  # botocore's providers raise what their transports raise
            self._renew_at = now + RETRY_AFTER
            log.warning("signing credentials not renewed", error=type(error).__name__)

    def _accept(self, generation: Generation, now: datetime) -> None:
        if generation is not self._generation:
            self._generation = generation
            self._on_signer(generation.signer.name)
        early = generation.ends - RENEW_BEFORE_END
        self._renew_at = max(early, now + RETRY_AFTER)

    async def _read(self) -> Generation:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._next_generation)

    def _next_generation(self) -> Generation:
        credentials = read_credentials(self._session.get_credentials())
        present = self._generation
        if present is not None and present.credentials == credentials:
            return present
        internal = self._settings.s3_endpoint_url
        public = self._settings.s3_public_endpoint_url or internal
        signers = {url: self._signer(credentials, url) for url in {public, internal}}
        return Generation(credentials, signers[public], signers[internal])

    def _signer(self, credentials: SigningCredentials, endpoint_url: str | None) -> Signer:
        bucket = self._settings.s3_bucket
        client = signing_client(self._session, self._settings, credentials, endpoint_url)
        return choose_signer(Boto3Signer(client, bucket), credentials, bucket)
