"""Permission to upload: decide, record, sign."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.event import created, url_issued
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.object_key import object_key
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore, SignedRequest, UploadSpec
from app.domain.principal import Principal
from app.domain.upload_request import UploadRequest, resolve_method
from app.exceptions.errors import IdempotencyConflict, SlipwayError, UploadExpired

_DELETED = "What this Idempotency-Key created was deleted; use a new key."


@dataclass(frozen=True, slots=True)
class Upload:
    """A record and, unless the file has left `pending`, the request that uploads its bytes."""

    record: FileRecord
    signed: SignedRequest | None
    created: bool = True
    """False when an idempotency key led to a record that was there already."""


class PresignedUrlService:
    """Creates records and signs uploads for them."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        policies: Policies,
        key_prefix: str,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        on_issued: Callable[[str, str], None],
    ) -> None:
        self._repository = repository
        self._store = store
        self._policies = policies
        self._key_prefix = key_prefix
        self._clock = clock
        self._new_id = new_id
        self._on_issued = on_issued

    async def create(
        self, principal: Principal, request: UploadRequest, idempotency_key: str | None = None
    ) -> Upload:
        """Record one upload and sign it; the record is committed when this returns.

        Raises `InvalidRequest`, `TypeNotAllowed`, `FileTooLarge`, `IdempotencyConflict`,
        `UploadExpired` (a repeated key whose upload has ended) or `DatabaseUnavailable`.
        """
        if idempotency_key is not None:
            return (await self._create_once(principal, [request], idempotency_key, "one"))[0]
        upload = await self._prepare(principal, request)
        await self._repository.insert(upload.record, created(upload.record))
        return self._issued(upload)

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
        return [self._issued(upload) for upload in uploads]

    async def _create_once(
        self, principal: Principal, requests: Sequence[UploadRequest], key: str, endpoint: str
    ) -> list[Upload]:
        body = _fingerprint(requests, endpoint)
        claim = IdempotencyClaim(principal.subject, key, body, self._clock())
        uploads = await self._prepare_all(principal, requests)
        earlier = await self._repository.insert_once(claim, _with_events(uploads))
        if earlier is None:
            return [self._issued(upload) for upload in uploads]
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
        return [await self._sign_again(principal, *pair) for pair in pairs]

    async def _sign_again(
        self, principal: Principal, record: FileRecord, request: UploadRequest
    ) -> Upload:
        if record.status is not FileStatus.PENDING:
            return Upload(record, None, created=False)
        now = self._clock()
        if now >= record.ends_at:
            raise UploadExpired("This upload has ended; start again with a new Idempotency-Key.")
        policy = self._policies.get(request.policy)
        signed = await self._store.presign_upload(
            _spec(record.key, request), record.method, policy.lifetime(request.expires_in)
        )
        renewed = dataclasses.replace(
            record,
            updated_at=now,
            expires_at=signed.expires_at,
            ends_at=signed.expires_at + policy.grace,
        )
        event = url_issued(principal.subject, record.method, signed.expires_at, now)
        if await self._repository.move(record, renewed, [event]):
            return self._issued(Upload(renewed, signed, created=False))
        moved_on = await self._repository.find(principal.subject, id=record.id)
        if moved_on is None:
            raise UploadExpired(_DELETED)
        return Upload(moved_on, None, created=False)

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
        signed = await self._store.presign_upload(_spec(key, request), method, lifetime)
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
            expires_at=signed.expires_at,
            ends_at=signed.expires_at + policy.grace,
            metadata=request.metadata,
            checksum=request.checksum,
        )
        return Upload(record, signed)

    def _issued(self, upload: Upload) -> Upload:
        self._on_issued(upload.record.method, upload.record.policy)
        return upload


def _with_events(uploads: Sequence[Upload]) -> list[tuple[FileRecord, FileEvent]]:
    return [(upload.record, created(upload.record)) for upload in uploads]


def _spec(key: str, request: UploadRequest) -> UploadSpec:
    return UploadSpec(key=key, type=request.type, size=request.file_size, checksum=request.checksum)


def _fingerprint(requests: Sequence[UploadRequest], endpoint: str) -> str:
    values = [endpoint, *(dataclasses.asdict(request) for request in requests)]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
