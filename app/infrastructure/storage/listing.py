"""Everything the bucket holds, page by page."""

from collections.abc import AsyncIterator, Sequence

from app.domain.ports import ListedObject, UnfinishedUpload
from app.infrastructure.storage.calls import S3Calls


class S3Listing(S3Calls):
    """A `StoreListing`. Pages are the store's own: 1,000 entries on AWS."""

    async def list_objects(self, prefix: str) -> AsyncIterator[Sequence[ListedObject]]:
        """As the port says."""
        async for page in self._pages("list_objects_v2", Prefix=prefix):
            yield [
                ListedObject(
                    key=entry["Key"],
                    size=entry["Size"],
                    etag=entry["ETag"].strip('"'),
                    last_modified=entry["LastModified"],
                )
                for entry in page.get("Contents", ())
            ]

    async def unfinished_uploads(self, prefix: str) -> AsyncIterator[Sequence[UnfinishedUpload]]:
        """As the port says."""
        async for page in self._pages("list_multipart_uploads", Prefix=prefix):
            yield [
                UnfinishedUpload(
                    key=entry["Key"], upload_id=entry["UploadId"], initiated=entry["Initiated"]
                )
                for entry in page.get("Uploads", ())
            ]
