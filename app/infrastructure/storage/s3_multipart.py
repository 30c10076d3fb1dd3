"""Multipart uploads over the S3 API.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from app.domain.parts import StoredPart
from app.domain.ports import Assembly, UploadGone, UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage.calls import OnCall, S3Calls
from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.failures import RETRY_AFTER, MalformedAnswer, code_of
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABORTS = 5
"""Parts under way while an upload is aborted may still be kept: "it might be necessary to abort a
given multipart upload multiple times".
https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html"""

PAGE = 1000
"""Parts: S3's own longest page, of which SeaweedFS would send 10,000.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html"""

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html ("Errors")
_REFUSALS: Mapping[str, Assembly] = {
    "InvalidPart": Assembly.PARTS_DIFFER,
    "InvalidPartOrder": Assembly.PARTS_DIFFER,
    "EntityTooSmall": Assembly.PARTS_DIFFER,
    "BadDigest": Assembly.CHECKSUM_DIFFERS,
    "PreconditionFailed": Assembly.EXISTS,
}

_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict")


class _Where(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


class S3Multipart(S3Calls):
    """The multipart uploads of an `ObjectStore`.

    CompleteMultipartUpload has a client of its own, because S3 may take minutes over it.
    """

    def __init__(
        self,
        settings: Settings,
        client: "S3Client",
        patient_client: "S3Client",
        pool: ThreadPoolExecutor,
        on_call: OnCall,
    ) -> None:
        super().__init__(settings, client, pool, on_call)
        self._patient_client = patient_client
        self._provider = capabilities_of(settings)

    async def create_multipart(self, spec: UploadSpec) -> str:
        """As the port says."""
        asked = {"Bucket": self._bucket, "Key": spec.key, "ContentType": spec.type}
        if spec.checksum is not None:
            asked["ChecksumAlgorithm"] = spec.checksum.algorithm.upper()
            asked["ChecksumType"] = "FULL_OBJECT"
        create: Any = self._client.create_multipart_upload
        return await self._call("create_multipart", lambda: _upload_id(create(**asked)))

    async def parts(self, key: str, upload_id: str) -> AsyncIterator[Sequence[StoredPart]]:
        """As the port says."""
        after: int | None = 0
        while after is not None:
            page = await self._call("list_parts", partial(self._list, key, upload_id, after))
            stored, after = _settled(page)
            yield stored

    def _list(self, key: str, upload_id: str, after: int) -> Mapping[str, Any]:
        return self._client.list_parts(
            **self._where(key, upload_id), PartNumberMarker=after, MaxParts=PAGE
        )

    async def complete_multipart(
        self, spec: UploadSpec, upload_id: str, parts: Sequence[StoredPart]
    ) -> Assembly:
        """As the port says. An answer that was lost is asked for again: the upload is then gone."""
        try:
            return await self._call(
                "complete_multipart",
                lambda: self._complete(spec, upload_id, parts),
                limit="S3_COMPLETE_TIMEOUT",
            )
        except UploadGone:
            return Assembly.GONE

    def _complete(self, spec: UploadSpec, upload_id: str, parts: Sequence[StoredPart]) -> Assembly:
        where = self._where(spec.key, upload_id)
        complete: Any = self._patient_client.complete_multipart_upload
        try:
            complete(**where, MultipartUpload={"Parts": _listed(parts)}, **self._conditions(spec))
        except ClientError as error:
            return self._refusal(error, where)
        return Assembly.DONE

    def _refusal(self, error: ClientError, where: _Where) -> Assembly:
        code = code_of(error)
        if code in _CONFLICTS:
            # Raises NoSuchUpload for an upload that is gone: the object may be what it became.
            self._client.list_parts(**where, MaxParts=1)
        if code not in _REFUSALS:
            raise error
        return _REFUSALS[code]

    def _conditions(self, spec: UploadSpec) -> dict[str, str]:
        once = {"IfNoneMatch": "*"} if self._provider.multipart_write_once else {}
        if spec.checksum is None:
            return once
        field = f"Checksum{spec.checksum.algorithm.upper()}"
        return {**once, field: spec.checksum.value, "ChecksumType": "FULL_OBJECT"}

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """As the port says."""
        where = self._where(key, upload_id)
        try:
            for _ in range(ABORTS):
                if not await self._call("abort_multipart", lambda: self._abort(where)):
                    return
        except UploadGone:
            return
        raise StorageUnavailable(
            "Parts of an aborted upload are still arriving.", retry_after=RETRY_AFTER
        )

    def _abort(self, where: _Where) -> bool:
        """Whether a part is left."""
        self._client.abort_multipart_upload(**where)
        return bool(self._client.list_parts(**where, MaxParts=1).get("Parts"))

    async def multipart_uploads(self, key: str) -> list[str]:
        """As the port says."""
        return [
            upload["UploadId"]
            async for page in self._pages("list_multipart_uploads", Prefix=key)
            for upload in page.get("Uploads", ())
            if upload["Key"] == key
        ]

    def _where(self, key: str, upload_id: str) -> _Where:
        return {"Bucket": self._bucket, "Key": key, "UploadId": upload_id}


def _upload_id(answer: Mapping[str, Any]) -> str:
    upload_id = answer.get("UploadId")
    if not upload_id:
        raise MalformedAnswer
    return str(upload_id)


def _settled(page: Mapping[str, Any]) -> tuple[list[StoredPart], int | None]:
    """The parts of a page, and the number after which the next one begins, None after the last.

    The last number of a page is left to the next one, which may hold more of its kind: see below.
    """
    stored = _stored_parts(page.get("Parts", ()))
    if not page.get("IsTruncated") or not stored:
        return stored, None
    settled = stored[:-1] or stored
    return settled, settled[-1].number


def _stored_parts(page: Iterable[Mapping[str, Any]]) -> list[StoredPart]:
    """One part for each number, ascending.

    SeaweedFS keeps a part that was sent again beside the earlier one and lists both, in any order:
    the newest counts.
    """
    newest = {
        part["PartNumber"]: StoredPart(part["PartNumber"], part["Size"], part["ETag"].strip('"'))
        for part in sorted(page, key=itemgetter("LastModified"))
    }
    return [newest[number] for number in sorted(newest)]


def _listed(parts: Sequence[StoredPart]) -> list[dict[str, Any]]:
    return [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
