"""The life of a file after its creation: status, listing, audit trail, download, deletion."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.download import Disposition, served_disposition
from app.domain.event import delete_requested, url_issued, user
from app.domain.file import DOWNLOADABLE, FileEvent, FileRecord, FileStatus, Move, plan_move
from app.domain.page import FilePage, cut
from app.domain.policy import Policies
from app.domain.ports import FileRepository, ObjectStore, SignedRequest
from app.domain.principal import Principal
from app.domain.removal import takeover
from app.domain.transition import intended
from app.exceptions.errors import ObjectMissing
from app.service.completion import Completion
from app.service.ownership import not_found, owned
from app.service.removal import RemovalService
from app.service.settling import until_settled

SEARCH_WINDOW = 5_000
"""Files whose names one page of a search looks at, so that it costs no more than some 10 ms."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """How a caller names a file: by `id` or by `key`, exactly one of them."""

    id: UUID | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of an audit trail; `next_after` continues it, None at the end."""

    items: Sequence[FileEvent]
    next_after: int | None


class FileStorageService:
    """Everything that an owner does with a file that exists. Other owners' files are not found."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        store: ObjectStore,
        completion: Completion,
        removal: RemovalService,
        policies: Policies,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._store = store
        self._completion = completion
        self._removal = removal
        self._policies = policies
        self._clock = clock

    async def get(self, principal: Principal, ref: FileRef) -> FileRecord:
        """The owner's file, else `NotFound`."""
        return await owned(self._repository, principal.subject, id=ref.id, key=ref.key)

    async def page(
        self,
        principal: Principal,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
    ) -> FilePage:
        """The owner's files, newest first."""
        rows = await self._repository.page(
            principal.subject, status=status, policy=policy, before=before, limit=limit + 1
        )
        return FilePage.of(rows, limit)

    async def search(
        self,
        principal: Principal,
        text: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
    ) -> FilePage:
        """Those with `text` in their name. Of many files a page may hold few and not be the last:
        it has looked at SEARCH_WINDOW of them."""
        rows, looked_until = await self._repository.search(
            principal.subject,
            text,
            status=status,
            policy=policy,
            before=before,
            limit=limit + 1,
            window=SEARCH_WINDOW,
        )
        return FilePage.of(rows, limit, looked_until)

    async def events(
        self, principal: Principal, file_id: UUID, *, after: int, limit: int
    ) -> EventPage:
        """The audit trail, oldest first, else `NotFound`."""
        rows = await self._repository.events(
            principal.subject, file_id, after=after, limit=limit + 1
        )
        if rows is None:
            raise not_found()
        return EventPage(*cut(rows, limit, lambda event: event.id))

    async def update_status(
        self,
        principal: Principal,
        ref: FileRef,
        target: FileStatus,
        reason: str | None = None,
        *,
        known: FileRecord | None = None,
    ) -> FileRecord:
        """Move the file to `target`, verified where `LEGAL_MOVES` asks for it.

        `known` is the principal's file as it was read a moment ago, if it was. Raises `NotFound`,
        `Forbidden`, `IllegalTransition` and what `Completion.verify_and_finish` raises.
        """

        async def attempt(record: FileRecord) -> FileRecord | None:
            wanted = intended(record.status, target, self._policies.auto_completes(record.policy))
            match plan_move(record.status, wanted, principal):
                case Move.NOTHING:
                    return record
                case Move.VERIFY:
                    return await self._completion.verify_and_finish(
                        record, wanted, user(principal.subject)
                    )
                case Move.RECORD:
                    return await self._completion.record_move(
                        record, wanted, user(principal.subject), reason
                    )

        return await self._until_settled(principal, ref, attempt, known)

    async def delete(self, principal: Principal, file_id: UUID) -> None:
        """Remove what the store holds, then mark the record deleted.

        Raises `StorageUnavailable` when the store does not answer; the worker then goes on with it.
        """
        record = await self.get(principal, FileRef(id=file_id))
        now = self._clock()
        wish = delete_requested(principal.subject, now)
        await self._repository.append(record, wish, [takeover(record, now)])
        await self._until_settled(
            principal,
            FileRef(id=file_id),
            lambda current: self._removal.delete(current, user(principal.subject)),
        )

    async def download_url(
        self,
        principal: Principal,
        file_id: UUID,
        *,
        expires_in: int | None = None,
        disposition: Disposition = Disposition.ATTACHMENT,
    ) -> SignedRequest:
        """Sign a GET of a file that is in the store, else `ObjectMissing`."""
        record = await self.get(principal, FileRef(id=file_id))
        if record.status not in DOWNLOADABLE:
            raise ObjectMissing(
                f"A file that is {record.status} has nothing to download; "
                "it must be uploaded, processing or completed."
            )
        signed = await self._store.presign_download(
            record.key,
            type=record.type,
            disposition=served_disposition(disposition, record.type, record.filename),
            expires_in=self._policies.lifetime(record.policy, expires_in),
        )
        event = url_issued(principal.subject, signed.method, signed.expires_at, self._clock())
        await self._repository.append(record, event)
        return signed

    async def _until_settled(
        self,
        principal: Principal,
        ref: FileRef,
        attempt: Callable[[FileRecord], Awaitable[FileRecord | None]],
        known: FileRecord | None = None,
    ) -> FileRecord:
        return await until_settled(lambda: self.get(principal, ref), attempt, known)
