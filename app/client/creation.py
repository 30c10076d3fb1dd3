"""Records for files, singly or up to a thousand in one call."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from app.client.answers import File
from app.client.api import Api
from app.client.delivery import Progress
from app.client.digest import crc32_of
from app.client.errors import ClientError, Refused, ends_everything
from app.client.journal import Journal
from app.client.source import Source
from app.client.wish import Options, Wish, wish_for
from app.domain.file import FileStatus

Wished = tuple[Source, Wish]
OnFailure = Callable[[Source, ClientError], None]
OnNote = Callable[[str], None]

_SPENT = frozenset({"idempotency_conflict", "upload_expired"})
"""What the service says of a key that leads to no fresh upload any more."""
_OF_ALL_TOGETHER = frozenset({"quota_exceeded", "request_too_large"})
"""What half of a batch may not meet."""


class Creation:
    """Asks for uploads, and notes what it got in the journal. Safe to share between threads."""

    def __init__(
        self,
        *,
        api: Api,
        journal: Journal,
        options: Options,
        checksums: bool,
        on_read: Progress,
        on_note: OnNote,
    ) -> None:
        self._api = api
        self._journal = journal
        self._options = options
        self._checksums = checksums
        self._on_read = on_read
        self._on_note = on_note
        self._lock = threading.Lock()

    def wish(self, source: Source) -> Wish:
        """What to ask for, with a checksum where the store verifies it.

        Raises `OSError`, `FileChanged` and `Unusable`.
        """
        bare = wish_for(source, self._options, None)  # a bad name is known before all is read
        if not self._checksums:
            return bare
        known = source.crc32 if source.crc32 is not None else crc32_of(source, self._on_read)
        return wish_for(source, self._options, known)

    def one(self, source: Source) -> File:
        """A fresh upload of the file. Raises as `wish`, and as `Api`."""
        return self._one(source, self.wish(source))

    def many(
        self, wishes: Sequence[Wished], on_failure: OnFailure
    ) -> Iterator[tuple[Source, File]]:
        """Fresh uploads of those that are not refused. Raises what ends everything."""
        batches = [wishes] if wishes else []
        while batches:
            batch = batches.pop()
            sources = [source for source, _ in batch]
            try:
                files = self._created(sources, partial(self._api.create_many, _bodies(batch)))
            except Refused as refused:
                if ends_everything(refused):
                    raise
                batches += self._rest(batch, refused, on_failure)
            else:
                yield from zip(sources, files, strict=True)

    def _one(self, source: Source, wish: Wish) -> File:
        try:
            [file] = self._created([source], lambda key: [self._api.create(wish, key)])
        except Refused as refused:
            if "checksum" not in wish or not refused.is_of_checksum:
                raise
            return self._one(source, self._unverified(wish))
        return file

    def _rest(
        self, batch: Sequence[Wished], refused: Refused, on_failure: OnFailure
    ) -> list[Sequence[Wished]]:
        """What can still be asked for of a batch of which this was said."""
        index, middle = refused.index, len(batch) // 2
        if refused.is_of_checksum:
            return [[(source, self._unverified(wish)) for source, wish in batch]]
        if refused.code in _OF_ALL_TOGETHER and middle:
            return [batch[middle:], batch[:middle]]
        failed = batch if index is None else batch[index : index + 1]
        for source, _ in failed:
            on_failure(source, refused)
        return [[*batch[:index], *batch[index + 1 :]]] if index is not None and middle else []

    def _created(
        self, sources: Sequence[Source], create: Callable[[str], list[File]]
    ) -> list[File]:
        files = self._alive(create, self._journal.key(sources)) or create(str(uuid.uuid4()))
        for source, file in zip(sources, files, strict=True):
            self._journal.begun(source, file)
        return files

    def _alive(self, create: Callable[[str], list[File]], key: str) -> list[File] | None:
        """None when the key was used for something else, or for what has ended since."""
        try:
            files = create(key)
        except Refused as refused:
            if refused.code in _SPENT:
                return None
            raise
        return None if any(file.status is FileStatus.FAILED for file in files) else files

    def _unverified(self, wish: Wish) -> Wish:
        with self._lock:
            if self._checksums:
                self._checksums = False
                self._on_note("the store cannot verify a CRC32 here; none is declared")
        return {name: value for name, value in wish.items() if name != "checksum"}


def _bodies(batch: Sequence[Wished]) -> list[Wish]:
    return [wish for _, wish in batch]
