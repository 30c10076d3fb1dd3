"""Uppy's calls, done by the services that do our own: here they are only translated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.file import FileRecord, UploadMethod
from app.domain.parts import StoredPart
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore
from app.domain.upload_grant import UploadGrant
from app.domain.upload_request import RequestedMethod, UploadRequest, largest
from app.domain.uppy import HOW_TO_DECLARE, UppyFile, finished_parts
from app.exceptions.errors import FieldError, InvalidRequest, QuotaExceeded
from app.service.arrival import ArrivalService
from app.service.multipart import MultipartService
from app.service.ownership import not_found, owned
from app.service.part_urls import IssuedParts, PartUrlService
from app.service.presigned_url import PresignedUrlService, Upload

LOCATION_LIFE = 60
"""Seconds: only the address is taken of a URL that is signed for that long."""


@dataclass(frozen=True, slots=True)
class Named:
    """An upload as Uppy names it. The id is ours, and the key counts for nothing but to agree."""

    upload_id: UUID
    key: str


class UppyService:
    """Within a grant. Uploads of others, or beyond it, are not found."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        policies: Policies,
        uploads: PresignedUrlService,
        part_urls: PartUrlService,
        multipart: MultipartService,
        arrivals: ArrivalService,
        bucket: str,
    ) -> None:
        self._repository = repository
        self._store = store
        self._policies = policies
        self._uploads = uploads
        self._part_urls = part_urls
        self._multipart = multipart
        self._arrivals = arrivals
        self.bucket = bucket

    async def single(self, grant: UploadGrant, file: UppyFile) -> Upload:
        """One request for the whole file, which is looked for from now on.

        Raises as `PresignedUrlService.create`, and `Forbidden` for another policy than the grant's.
        """
        forms = self._store.capabilities.post_form
        if file.size is None and not forms:
            message = f"is needed, for the store takes no forms: {HOW_TO_DECLARE}"
            raise InvalidRequest(
                f"metadata.size {message}, or upload in parts (shouldUseMultipart: true).",
                [FieldError("metadata.size", message)],
            )
        method = RequestedMethod.POST if forms else RequestedMethod.PUT
        upload = await self._created(grant, file, method)
        await self._arrivals.expect(upload.record)
        return upload

    async def begin(self, grant: UploadGrant, file: UppyFile) -> FileRecord:
        """A multipart upload whose parts the client cuts. Raises as `single`."""
        return (await self._created(grant, file, RequestedMethod.MULTIPART)).record

    async def parts(self, grant: UploadGrant, named: Named) -> Sequence[StoredPart]:
        """All parts that have arrived; of a file that is finished, all that it can have had.

        Raises `NotFound`, and `UploadExpired` for an upload that failed or that the store ended.
        """
        record = await self._find(grant, named)
        held = await self._multipart.held_parts(grant.principal, record.id)
        if held.parts or (record.is_pending and not held.uploaded_bytes):
            return held.parts
        return finished_parts(held.uploaded_bytes)

    async def sign(self, grant: UploadGrant, named: Named, numbers: Sequence[int]) -> IssuedParts:
        """A URL for each of the parts. Raises `NotFound` and `UploadExpired`."""
        return await self._part_urls.sign_alongside(await self._find(grant, named), numbers)

    async def complete(
        self, grant: UploadGrant, named: Named, claimed: Mapping[int, str]
    ) -> tuple[FileRecord, str]:
        """The record, and the address of its object, which nobody may read by that alone.

        Raises as `MultipartService.complete`.
        """
        record = await self._find(grant, named)
        record = await self._multipart.complete(grant.principal, record.id, claimed)
        signed = await self._store.presign_download(
            record.key, type=record.type, disposition="attachment", expires_in=LOCATION_LIFE
        )
        return record, signed.url.partition("?")[0]

    async def abort(self, grant: UploadGrant, named: Named) -> None:
        """Raises as `MultipartService.abort`."""
        record = await self._find(grant, named)
        await self._multipart.abort(grant.principal, record.id)

    async def _find(self, grant: UploadGrant, named: Named) -> FileRecord:
        record = await owned(self._repository, grant.principal.subject, id=named.upload_id)
        ours = record.method is UploadMethod.MULTIPART and record.part_size is None
        if not ours or record.key != named.key or not grant.covers(record):
            raise not_found()
        return record

    async def _created(self, grant: UploadGrant, file: UppyFile, method: RequestedMethod) -> Upload:
        request = self._request(grant, file, method)
        try:
            return await self._uploads.create(grant.principal, request)
        except QuotaExceeded as error:
            if file.size is not None:
                raise
            raise QuotaExceeded(
                f"{error.detail} The size of this file was not declared, so as much was asked for "
                f"as it may have: {HOW_TO_DECLARE}.",
                **error.extra,
            ) from None

    def _request(
        self, grant: UploadGrant, file: UppyFile, method: RequestedMethod
    ) -> UploadRequest:
        policy = self._policies.get(grant.choose_policy(file.policy))
        most = largest(UploadMethod(method), policy, self._store.capabilities)
        if grant.max_size is not None:
            most = min(most, grant.max_size)
        if file.size is not None:
            grant.check_size(file.size)
        return UploadRequest(
            filename=file.filename,
            type=file.type,
            file_size=most if file.size is None else file.size,
            size_is_limit=file.size is None,
            method=method,
            parts_by_client=True,
            metadata=file.metadata,
            policy=policy.name,
        )
