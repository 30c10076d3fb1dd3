"""Many files: small ones created and reported together, large ones one by one in parts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from app.client.answers import File
from app.client.creation import Creation, Wished
from app.client.delivery import Progress
from app.client.errors import ClientError, ends_everything
from app.client.journal import Journal
from app.client.reports import Reports, groups
from app.client.single import Begun, Each, SingleUpload, fresh
from app.client.source import Source
from app.client.walk import unusable
from app.domain.parts import MIB

T = TypeVar("T")

SMALL = 8 * MIB
"""Bytes; below this a file is created together with others."""
BATCH = 1000
"""Files, what POST /presigned-urls takes."""
BATCH_BYTES = 128 * MIB
"""So that a batch is sent before its URLs end: fifteen minutes, at 1.2 Mbit/s."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its record's id, key and status, or the error."""

    name: str
    size: int | None = None
    id: str | None = None
    key: str | None = None
    status: str | None = None
    error: ClientError | None = None


class Uploads:
    """Uploads files side by side in the threads of `pool`. `on_outcome` is called from any."""

    def __init__(
        self,
        *,
        single: SingleUpload,
        creation: Creation,
        reports: Reports,
        journal: Journal,
        pool: Executor,
        on_sent: Progress,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self._single = single
        self._creation = creation
        self._reports = reports
        self._journal = journal
        self._pool = pool
        self._on_sent = on_sent
        self._on_outcome = on_outcome

    def run(self, sources: Sequence[Source]) -> None:
        """Upload all, less those that the journal knows as done; a failure of one stops no other.

        Raises what ends everything (`app.client.errors.ends_everything`).
        """
        left = [source for source in sources if not self._is_done(source)]
        for batch in batches([source for source in left if source.size < SMALL]):
            self._upload_batch(batch)
        for source in left:
            if source.size >= SMALL:
                self._guarded(source, partial(self._upload_large, source))

    def _is_done(self, source: Source) -> bool:
        entry = self._journal.entry(source)
        if entry is None or entry.status is None or entry.fingerprint != source.fingerprint:
            return False
        self._on_sent(source.size)
        done = Outcome(source.name, source.size, entry.id, entry.key, entry.status)
        self._on_outcome(done)
        return True

    def _upload_large(self, source: Source) -> None:
        begun = self._single.take_up(source) or self._single.begin(source)
        self._send(source, begun, self._pool.map)

    def _upload_batch(self, batch: Sequence[Source]) -> None:
        unsent = self._unsent(batch)
        wishes = [wish for wish in self._pool.map(self._wished, unsent) if wish]
        created = self._creation.many(wishes, self._failed)
        # The threads go on sending while this one reports.
        for group in groups(sent for sent in self._pool.map(self._sent, created) if sent):
            self._report(group)

    def _unsent(self, batch: Sequence[Source]) -> list[Source]:
        """The batch, less what an earlier run had sent."""
        begun = [(s, entry) for s in batch if (entry := self._single.begun_whole(s))]
        verified = set()
        for group in groups(begun):
            found = self._reports.uploaded([entry.id for _, entry in group])
            for (source, _), file in zip(group, found, strict=True):
                if isinstance(file, File):
                    verified.add(source)
                    self._on_sent(source.size)
                    self._verified(source, file)
        return [source for source in batch if source not in verified]

    def _report(self, sent: Sequence[tuple[Source, File]]) -> None:
        found = self._reports.uploaded([file.id for _, file in sent])
        for (source, _), outcome in zip(sent, found, strict=True):
            if isinstance(outcome, File):
                self._verified(source, outcome)
            else:
                self._failed(source, outcome)

    def _wished(self, source: Source) -> Wished | None:
        """What to ask for, unless an earlier run had begun to send the file in parts."""

        def work() -> Wished | None:
            was_whole = self._single.begun_whole(source)  # and nothing became of it
            if not was_whole and (begun := self._single.take_up(source)):
                self._send(source, begun, map)
                return None
            return source, self._creation.wish(source)

        return self._guarded(source, work)

    def _sent(self, created: tuple[Source, File]) -> tuple[Source, File] | None:
        """The file if it was sent, and is still to be reported."""
        source, file = created

        def work() -> tuple[Source, File] | None:
            if file.is_pending and file.plan is None:
                return source, self._single.send_whole(source, file)
            self._send(source, fresh(file), map)
            return None

        return self._guarded(source, work)

    def _send(self, source: Source, begun: Begun, each: Each) -> None:
        self._tell(source, self._single.send(source, begun, each))

    def _verified(self, source: Source, file: File) -> None:
        self._journal.done(source, file)
        self._tell(source, file)

    def _tell(self, source: Source, file: File) -> None:
        self._on_outcome(Outcome(source.name, source.size, file.id, file.key, file.status))

    def _guarded(self, source: Source, work: Callable[[], T]) -> T | None:
        """What the work yields; None when it failed, which is told."""
        try:
            return work()
        except OSError as error:
            self._failed(source, unusable(error))
        except ClientError as error:
            if ends_everything(error):
                raise
            self._failed(source, error)
        return None

    def _failed(self, source: Source, error: ClientError) -> None:
        self._on_outcome(Outcome(source.name, source.size, error=error))


def batches(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """In order, up to BATCH files and BATCH_BYTES each."""
    batch: list[Source] = []
    size = 0
    for source in sources:
        if len(batch) == BATCH or size + source.size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(source)
        size += source.size
    if batch:
        yield batch
