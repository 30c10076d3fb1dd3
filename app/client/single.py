"""One file: taken up where it stands, or created; sent; verified."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from app.client.answers import File
from app.client.api import Api
from app.client.creation import Creation
from app.client.delivery import Delivery, Progress
from app.client.errors import ClientError, FileChanged, Refused, StoreRefused
from app.client.journal import Entry, Journal
from app.client.part_addresses import PartAddresses
from app.client.source import Source
from app.client.store import Slice
from app.domain.file import FileStatus
from app.domain.parts import PartPlan

ROUNDS = 3
"""How often parts are sent that turn out not to be there."""
FRESH_RECORDS = 2
"""How often a file is begun anew whose only URL has ended."""

Each = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]
"""`map`, or that of a pool of threads."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A file at the service, and the parts that are still to be sent if it travels in parts."""

    file: File
    missing: Sequence[int] = ()


class SingleUpload:
    """The steps that one file goes through. Safe to share between threads.

    All raise `ClientError`, and `OSError` of a file that cannot be read.
    """

    def __init__(
        self,
        *,
        api: Api,
        creation: Creation,
        delivery: Delivery,
        journal: Journal,
        on_sent: Progress,
        on_note: Callable[[str], None],
    ) -> None:
        self._api = api
        self._creation = creation
        self._delivery = delivery
        self._journal = journal
        self._on_sent = on_sent
        self._on_note = on_note

    def take_up(self, source: Source) -> Begun | None:
        """What an earlier run began; None when nothing of it can be gone on with."""
        entry = self._journal.entry(source)
        if entry is None:
            return None
        if entry.fingerprint != source.fingerprint:
            self._on_note(f"{source.name} has changed since its upload began: it starts afresh")
            self._give_up(entry.id, entry.in_parts, "the file changed")
            return None
        try:
            return self._parts_of(source, entry) if entry.in_parts else self._reported(entry)
        except Refused as refused:
            if refused.is_of_token:
                raise
            return None

    def begun_whole(self, source: Source) -> Entry | None:
        """What an earlier run began to send in one request, of the file as it is now."""
        entry = self._journal.entry(source)
        if entry is None or entry.in_parts or entry.fingerprint != source.fingerprint:
            return None
        return entry

    def begin(self, source: Source) -> Begun:
        return fresh(self._creation.one(source))

    def send(self, source: Source, begun: Begun, each: Each) -> File:
        """The file, verified."""
        file = begun.file
        if not file.is_pending:
            self._on_sent(source.size)
        elif file.plan is None:
            file = self._api.report(self.send_whole(source, file).id, "uploaded")
        else:
            file = self._send_parts(source, file, file.plan, begun.missing, each)
        self._journal.done(source, file)
        return file

    def send_whole(self, source: Source, file: File) -> File:
        """The file whose bytes the store has now, which is to be reported."""
        for left in reversed(range(FRESH_RECORDS + 1)):
            try:
                self._put(source, file)
                break
            except StoreRefused as refused:
                if not (left and refused.is_of_url):
                    raise
                file = self._creation.one(source)
            except FileChanged:
                self._give_up(file.id, False, "the file changed")
                raise
        return file

    def _parts_of(self, source: Source, entry: Entry) -> Begun | None:
        file = self._api.file(entry.id)
        if file.status is FileStatus.FAILED:
            return None
        if not file.is_pending:
            return Begun(file)
        held = self._api.held_parts(entry.id)
        self._on_note(
            f"{source.name} goes on: {held.uploaded_bytes} of {source.size} bytes are there"
        )
        self._on_sent(held.uploaded_bytes)
        return Begun(file, held.numbers)

    def _reported(self, entry: Entry) -> Begun:
        return Begun(self._api.report(entry.id, "uploaded"))

    def _put(self, source: Source, file: File) -> None:
        if file.url is None:  # stored and verified by a call whose answer was lost
            return
        with source.opened() as opened:
            whole = Slice(opened, 0, source.size)
            self._delivery.deliver(whole, file.url, self._on_sent, headers=file.headers)

    def _send_parts(
        self, source: Source, file: File, plan: PartPlan, missing: Sequence[int], each: Each
    ) -> File:
        for left in reversed(range(ROUNDS)):
            addresses = PartAddresses(self._api, file, missing)
            try:
                for _ in each(partial(self._send_part, source, plan, addresses), missing):
                    pass
                return self._api.complete(file.id)
            except FileChanged:
                self._give_up(file.id, True, "the file changed")
                raise
            except Refused as refused:
                if not left or refused.code != "parts_incomplete":
                    raise
            missing = self._api.held_parts(file.id).numbers
            self._on_sent(-sum(map(plan.size_of, missing)))
        raise AssertionError("the last round returns or raises")

    def _send_part(
        self, source: Source, plan: PartPlan, addresses: PartAddresses, number: int
    ) -> None:
        with source.opened() as opened:
            self._delivery.deliver(
                Slice(opened, (number - 1) * plan.part_size, plan.size_of(number)),
                addresses.of(number),
                self._on_sent,
                fresh_url=partial(addresses.instead_of, number),
            )

    def _give_up(self, id: str, in_parts: bool, reason: str) -> None:
        """Give back what it reserves; if that fails, it ends by itself."""
        with suppress(ClientError):
            _ = self._api.abort(id) if in_parts else self._api.report(id, "failed", reason)


def fresh(file: File) -> Begun:
    """An upload of which nothing was sent."""
    return Begun(file, [*range(1, file.plan.part_count + 1)] if file.plan else [])
