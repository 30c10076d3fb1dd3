"""Permission to upload: decide, record, sign."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.checksum import ChecksumType
from app.domain.event import created, url_issued
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.object_key import object_key
from app.domain.parts import plan_parts
from app.domain.policy import Policies, UploadPolicy
from app.domain.ports import FileRepository, ObjectStore, SignedRequest, UploadSpec
from app.domain.principal import Principal
from app.domain.upload_request import UploadRequest, resolve_method
from app.exceptions.errors import (
    DatabaseUnavailable,
    IdempotencyConflict,
    SlipwayError,
    UploadExpired,
)
from app.service.concurrency import each
from app.service.part_urls import FIRST_PARTS, IssuedParts, PartUrlService

BEGIN_WITHIN = timedelta(minutes=5)
"""A multipart upload that the store has not begun by then has ended, and reserves nothing."""

_NEVER_SAID = ("size_is_limit", "parts_by_client")

_DELETED = "What this Idempotency-Key created was deleted; use a new key."


@dataclass(frozen=True, slots=True)
class Upload:
    """A record and, unless the file has left `pending`, what uploads its bytes: one request, or
    the first parts of a multipart upload."""

    record: FileRecord
    signed: SignedRequest | None = None
    parts: IssuedParts | None = None
    created: bool = True
    """False when an idempotency key led to a record that was there already."""


class PresignedUrlService:
    """Creates records and signs uploads for them."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        part_urls: PartUrlService,
        policies: Policies,
        key_prefix: str,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        on_issued: Callable[[str, str], None],
    ) -> None:
        self._repository = repository
        self._store = store
        self._part_urls = part_urls
        self._policies = policies
        self._key_prefix = key_prefix
        self._clock = clock
        self._new_id = new_id
        self._on_issued = on_issued

    async def create(
        self, principal: Principal, request: UploadRequest, idempotency_key: str | None = None
    ) -> Upload:
        """Record one upload and sign it; the record is committed when this returns.

        Raises `InvalidRequest`, `TypeNotAllowed`, `FileTooLarge`, `QuotaExceeded`,
        `IdempotencyConflict`, `UploadExpired` (a repeated key whose upload has ended),
        `DatabaseUnavailable`, or for a multipart upload `StorageUnavailable`.
        """
        if idempotency_key is not None:
            return (await self._create_once(principal, [request], idempotency_key, "one"))[0]
        upload = await self._prepare(principal, request)
        await self._repository.insert(upload.record, created(upload.record))
        return await self._begun(upload, request, FIRST_PARTS)

    async def create_many(
        self,
        principal: Principal,
        requests: Sequence[UploadRequest],
        idempotency_key: str | None = None,
    ) -> list[Upload]:
        """Record and sign all of them, or none; errors as for `create`, naming the index."""
        if idempotency_key is not None:
            return await self._create_once(principal, requests, idempotency_key, "many")
        uploads = await self._prepare_all(principal, requests)
        await self._repository.insert_many(_with_events(uploads))
        return await self._all_begun(uploads, requests)

    async def _create_once(
        self, principal: Principal, requests: Sequence[UploadRequest], key: str, endpoint: str
    ) -> list[Upload]:
        body = _fingerprint(requests, endpoint)
        claim = IdempotencyClaim(principal.subject, key, body, self._clock())
        uploads = await self._prepare_all(principal, requests)
        earlier = await self._repository.insert_once(claim, _with_events(uploads))
        if earlier is None:
            return await self._all_begun(uploads, requests)
        if earlier.fingerprint != claim.fingerprint:
            raise IdempotencyConflict(
                "This Idempotency-Key was used with another body; use a new key for a new request."
            )
        return await self._replay(principal, requests, earlier)

    async def _replay(
        self, principal: Principal, requests: Sequence[UploadRequest], earlier: EarlierUse
    ) -> list[Upload]:
        records = await self._repository.find_all(principal.subject, earlier.file_ids)
        if len(records) != len(earlier.file_ids):
            raise UploadExpired(_DELETED)
        pairs = zip(records, requests, strict=True)
        first = _first_parts(len(requests))
        return [await self._sign_again(principal, *pair, first) for pair in pairs]

    async def _sign_again(
        self, principal: Principal, record: FileRecord, request: UploadRequest, first: int
    ) -> Upload:
        if record.status is not FileStatus.PENDING:
            return Upload(record, created=False)
        if self._clock() >= record.ends_at:
            raise UploadExpired("This upload has ended; start again with a new Idempotency-Key.")
        if record.method is UploadMethod.MULTIPART:
            lifetime = self._lifetime(request)
            parts = await self._part_urls.resume(record, lifetime, first=first)
            return self._issued(Upload(parts.record, parts=parts, created=False))
        return await self._renew(principal, record, request)

    async def _renew(
        self, principal: Principal, record: FileRecord, request: UploadRequest
    ) -> Upload:
        policy, now = self._policies.get(request.policy), self._clock()
        signed = await self._store.presign_upload(
            _spec(record.key, request), record.method, policy.lifetime(request.expires_in)
        )
        renewed = dataclasses.replace(
            record,
            updated_at=now,
            # An earlier URL may have been given a longer life.
            expires_at=max(record.expires_at, signed.expires_at),
            ends_at=max(record.ends_at, signed.expires_at + policy.grace),
        )
        event = url_issued(principal.subject, record.method, signed.expires_at, now)
        if await self._repository.move(record, renewed, [event]):
            return self._issued(Upload(renewed, signed, created=False))
        moved_on = await self._repository.find(principal.subject, id=record.id)
        if moved_on is None:
            raise UploadExpired(_DELETED)
        return Upload(moved_on, created=False)

    async def _all_begun(
        self, uploads: Sequence[Upload], requests: Sequence[UploadRequest]
    ) -> list[Upload]:
        first = _first_parts(len(uploads))
        pairs = list(zip(uploads, requests, strict=True))
        if all(upload.signed for upload in uploads):
            return [await self._begun(*pair, first) for pair in pairs]

        # Each is settled before an error is raised: none of them shall go on unobserved.
        async def settled(pair: tuple[Upload, UploadRequest]) -> Upload | SlipwayError:
            try:
                return await self._begun(*pair, first)
            except SlipwayError as error:
                return error

        outcomes = await each(settled, pairs)
        begun = [outcome for outcome in outcomes if isinstance(outcome, Upload)]
        for outcome in outcomes:
            if isinstance(outcome, SlipwayError):
                await self._shorten(uploads, begun)
                raise outcome
        return begun

    async def _shorten(self, uploads: Sequence[Upload], begun: Sequence[Upload]) -> None:
        """Let what nobody is told of end as soon as what never began, unless the call is repeated.

        Only what a batch reserves is at stake: without this it ends all the same, days later.
        """
        soon = {upload.record.id: upload.record.ends_at for upload in uploads}
        with suppress(DatabaseUnavailable):
            for upload in begun:
                if upload.parts is not None:
                    shorter = dataclasses.replace(upload.record, ends_at=soon[upload.record.id])
                    await self._repository.move(upload.record, shorter, [])

    async def _begun(self, upload: Upload, request: UploadRequest, first: int) -> Upload:
        """With the store's part of a multipart upload begun, after the record is committed.

        In the other order a process that ends in between would leave an upload nobody knows of.
        """
        if upload.record.method is UploadMethod.MULTIPART:
            lifetime = self._lifetime(request)
            parts = await self._part_urls.begin(upload.record, lifetime, first=first)
            upload = dataclasses.replace(upload, record=parts.record, parts=parts)
        return self._issued(upload)

    def _lifetime(self, request: UploadRequest) -> int:
        return self._policies.get(request.policy).lifetime(request.expires_in)

    async def _prepare_all(
        self, principal: Principal, requests: Sequence[UploadRequest]
    ) -> list[Upload]:
        uploads = []
        for index, request in enumerate(requests):
            try:
                uploads.append(await self._prepare(principal, request))
            except SlipwayError as error:
                raise error.at(f"files.{index}") from None
        return uploads

    async def _prepare(self, principal: Principal, request: UploadRequest) -> Upload:
        policy = self._policies.get(request.policy)
        method = resolve_method(request, policy, self._store.capabilities)
        lifetime = policy.lifetime(request.expires_in)
        now, file_id = self._clock(), self._new_id()
        key = object_key(
            policy,
            file_id=file_id,
            owner=principal.subject,
            filename=request.filename,
            type=request.type,
            now=now,
            base_prefix=self._key_prefix,
        )
        signed, expires_at = None, now + timedelta(seconds=lifetime)
        ends_at = min(expires_at + policy.grace, now + BEGIN_WITHIN)
        if method is not UploadMethod.MULTIPART:
            signed = await self._store.presign_upload(_spec(key, request), method, lifetime)
            expires_at = signed.expires_at
            ends_at = expires_at + policy.grace
        record = FileRecord(
            id=file_id,
            owner=principal.subject,
            key=key,
            filename=request.filename,
            type=request.type,
            file_size=request.file_size,
            method=method,
            policy=policy.name,
            status=FileStatus.PENDING,
            created_at=now,
            updated_at=now,
            expires_at=expires_at,
            ends_at=ends_at,
            metadata=request.metadata,
            checksum=request.checksum,
            checksum_type=ChecksumType.FULL_OBJECT if request.checksum else None,
            part_size=_part_size(method, request, policy),
            size_is_limit=request.size_is_limit,
        )
        return Upload(record, signed)

    def _issued(self, upload: Upload) -> Upload:
        self._on_issued(upload.record.method, upload.record.policy)
        return upload


def _part_size(method: UploadMethod, request: UploadRequest, policy: UploadPolicy) -> int | None:
    if method is not UploadMethod.MULTIPART or request.parts_by_client:
        return None
    return plan_parts(request.file_size, policy.part_size).part_size


def _first_parts(files: int) -> int:
    """How many parts of each are signed with the answer to a request for that many files."""
    return max(1, FIRST_PARTS // files)


def _with_events(uploads: Sequence[Upload]) -> list[tuple[FileRecord, FileEvent]]:
    return [(upload.record, created(upload.record)) for upload in uploads]


def _spec(key: str, request: UploadRequest) -> UploadSpec:
    return UploadSpec(
        key=key,
        type=request.type,
        size=request.file_size,
        checksum=request.checksum,
        size_is_limit=request.size_is_limit,
    )


def _fingerprint(requests: Sequence[UploadRequest], endpoint: str) -> str:
    # Without the fields that no idempotent call can set: a key keeps its meaning across releases.
    def said(request: UploadRequest) -> dict[str, object]:
        return {k: v for k, v in dataclasses.asdict(request).items() if k not in _NEVER_SAID}

    values = [endpoint, *map(said, requests)]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
