"""The one verify-and-finish: every source that says "it has arrived" goes through here."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.ports import FileRepository, ObjectStore, ObservedObject
from app.domain.removal import cleanup
from app.domain.transition import moved, steps
from app.domain.verification import discrepancies
from app.exceptions.errors import ObjectMissing, StorageUnavailable, VerificationFailed

_MISSING = {
    False: "The store has no object under this file's key: upload the bytes first.",
    True: "The store has not put the parts together yet: call POST /files/{id}/complete.",
}

log = structlog.get_logger(__name__)


class Completion:
    """Asks the store what arrived, and moves the record accordingly, once."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        clock: Callable[[], datetime],
        on_verdict: Callable[[str], None],
        on_move: Callable[[str, str], None],
    ) -> None:
        self._repository = repository
        self._store = store
        self._clock = clock
        self._on_verdict = on_verdict
        self._on_move = on_move

    async def verify_and_finish(
        self, record: FileRecord, target: FileStatus, actor: str
    ) -> FileRecord | None:
        """The record at `target`, or None when another caller moved it first (look again).

        Raises `ObjectMissing` (the record stays as it was), `VerificationFailed` (the record is
        `failed` and the object removed) or `StorageUnavailable` (nothing changed).
        """
        observed = await self._store.head(record.key)
        if observed is None:
            self._on_verdict("missing")
            raise ObjectMissing(_MISSING[record.method is UploadMethod.MULTIPART])
        reasons = discrepancies(record, observed)
        if reasons:
            await self.refuse(record, reasons, actor, observed.size)
            return None
        self._on_verdict("verified")
        return await self._accept(record, observed, target, actor)

    async def record_move(
        self, record: FileRecord, target: FileStatus, actor: str, reason: str | None = None
    ) -> FileRecord | None:
        """Move without asking the store; None when another caller was first."""
        after, events = moved(record, (target,), actor, self._clock(), reason)
        return await self._write(record, after, events)

    async def _accept(
        self, record: FileRecord, observed: ObservedObject, target: FileStatus, actor: str
    ) -> FileRecord | None:
        known = dataclasses.replace(
            record,
            etag=observed.etag,
            version_id=observed.version_id,
            observed_size=observed.size,
            file_size=observed.size,
            size_is_limit=False,
        )
        after, events = moved(known, steps(record.status, target), actor, self._clock())
        return await self._write(record, after, events)

    async def refuse(
        self,
        record: FileRecord,
        reasons: Sequence[str],
        actor: str,
        observed_size: int | None = None,
    ) -> None:
        """Fail the record for `reasons`, remove its object and raise `VerificationFailed`.

        Returns when another caller moved the record first.
        """
        self._on_verdict("refused")
        reason = "; ".join(reasons)
        seen = dataclasses.replace(record, observed_size=observed_size)
        if await self.record_move(seen, FileStatus.FAILED, actor, reason) is None:
            return
        await self._discard(record)
        raise VerificationFailed(
            f"The stored object is not the declared one: {reason}. "
            "It was removed; start again with a new upload.",
            reasons=list(reasons),
        )

    async def _discard(self, record: FileRecord) -> None:
        # The verdict stands whether or not the store answers now; the worker tries again.
        try:
            await self._store.delete(record.key)
        except StorageUnavailable:
            log.warning("refused_object_not_removed", file_id=str(record.id), key=record.key)

    async def _write(
        self, before: FileRecord, after: FileRecord, events: Sequence[FileEvent]
    ) -> FileRecord | None:
        if not await self._repository.move(before, after, events, cleanup(after)):
            return None
        for event in events:
            if event.from_status and event.to_status:
                self._on_move(event.from_status, event.to_status)
        return after
