"""Getting rid of what the store holds of files that failed or were deleted."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from app.domain.event import WORKER, deleted
from app.domain.file import FileRecord, UploadMethod
from app.domain.ports import FileRepository, ObjectStore
from app.domain.removal import as_deleted, is_unwanted, next_look


class RemovalService:
    """Every method may run twice, late, or at the same time in two processes.

    All raise `StorageUnavailable` and `DatabaseUnavailable`; the work is then to be done again.
    """

    def __init__(
        self, *, repository: FileRepository, store: ObjectStore, clock: Callable[[], datetime]
    ) -> None:
        self._repository = repository
        self._store = store
        self._clock = clock

    async def clear(self, record: FileRecord) -> None:
        """Remove the file's parts and its object, whatever there is of them."""
        if record.method is UploadMethod.MULTIPART:
            # First: an upload that is aborted can no longer become an object.
            await self._abort(record)
        await self._store.delete(record.key)

    async def discard(self, file_id: UUID) -> None:
        """Clear the store of a file that failed or was deleted; of any other it touches nothing."""
        record = await self._repository.load(file_id)
        if record is not None and is_unwanted(record):
            await self.clear(record)

    async def look_again(self, record: FileRecord) -> None:
        """Clear the store of what came by URLs that outlived the record, and say when to look next.

        `record` has failed or been deleted, and its `remove_at` has come.
        """
        await self.clear(record)
        await self._repository.put_off_removal(record, next_look(record, self._clock()))

    async def delete(self, record: FileRecord, actor: str) -> FileRecord | None:
        """Clear the store, then mark the record deleted; None when it changed in the meantime."""
        await self.clear(record)
        now = self._clock()
        after = as_deleted(record, now)
        return after if await self._repository.move(record, after, [deleted(actor, now)]) else None

    async def finish_deletion(self, file_id: UUID) -> None:
        """Do what a DELETE was asked to do and did not get done."""
        record = await self._repository.load(file_id)
        while record is not None and record.deleted_at is None:
            await self.delete(record, WORKER)
            record = await self._repository.load(file_id)

    async def _abort(self, record: FileRecord) -> None:
        # The record may not know all: a process can end between beginning one and recording it.
        begun = set(await self._store.multipart_uploads(record.key))
        for upload_id in begun | ({record.upload_id} if record.upload_id else set()):
            await self._store.abort_multipart(record.key, upload_id)
