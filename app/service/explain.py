"""Why a request to the store failed, held against the record of its file."""

from dataclasses import replace
from uuid import UUID

from app.domain.explain.evidence import Evidence
from app.domain.explain.explanation import Explanation
from app.domain.explain.presigned_url import PresignedUrl
from app.domain.explain.rules import explain
from app.domain.file import FileRecord, UploadMethod
from app.domain.ports import FileRepository, ObjectStore, UploadSpec
from app.exceptions.errors import NotFound


class ExplainService:
    """`store` signs as of the moment at which the URL in question was signed."""

    def __init__(self, files: FileRepository, store: ObjectStore) -> None:
        self._files = files
        self._store = store

    async def explain(self, evidence: Evidence, file_id: UUID) -> Explanation:
        """Whoever owns the file. Raises `NotFound` and `DatabaseUnavailable`."""
        record = await self._files.load(file_id)
        if record is None:
            raise NotFound(f"There is no file {file_id}: is this the database of its service?")
        signed = await self._signed(record, evidence.url)
        return explain(replace(evidence, record=record, signed=signed))

    async def _signed(self, record: FileRecord, url: PresignedUrl | None) -> PresignedUrl | None:
        """None where the URL is not one that the service could sign alike today."""
        if url is None or not url.is_signed or url.expires_in is None:
            return None
        text = await self._sign(record, url, int(url.expires_in.total_seconds()))
        signed = PresignedUrl.parse(text) if text else None
        return signed if signed is not None and signed.is_of_the_signer_of(url) else None

    async def _sign(self, record: FileRecord, url: PresignedUrl, expires_in: int) -> str | None:
        number = url.query.get("partNumber", "")
        if record.upload_id is not None and number.isdecimal():
            parts = await self._store.presign_parts(
                record.key, record.upload_id, [int(number)], expires_in
            )
            return parts.urls[0]
        if disposition := url.query.get("response-content-disposition"):
            signed = await self._store.presign_download(
                record.key,
                type=record.type,
                disposition=disposition,
                expires_in=expires_in,
            )
            return signed.url
        if record.method is not UploadMethod.PUT:
            return None
        spec = UploadSpec.of(record)
        return (await self._store.presign_upload(spec, UploadMethod.PUT, expires_in)).url
