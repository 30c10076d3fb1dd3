"""Whatever clients, workers, stores and clocks do: no illegal state, no byte lost or left behind.

The machine plays several owners on the twins, which the contract suites hold to the real thing.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.file import FileStatus, UploadMethod
from app.domain.ports import SignedRequest
from app.domain.principal import Principal, Scope
from app.domain.removal import LONGEST_TRANSFER, is_unwanted
from app.domain.upload_request import RequestedMethod, UploadRequest
from app.service.file_storage import FileRef
from app.service.part_urls import IssuedParts
from app.service.presigned_url import Upload
from tests.fakes.bucket import StoredObject
from tests.support.aftermath import (
    faults_at_rest,
    is_kept,
    is_pending,
    run_job,
    run_jobs,
    settle,
    wrong_deliveries,
    wrong_trail,
    wrong_usage,
)
from tests.support.checksums import checksum_of
from tests.support.events import s3_body
from tests.support.life import (
    MAX_BYTES,
    MAX_FILES,
    MAX_IN_FLIGHT,
    PART,
    Life,
    Strike,
    Trouble,
    folder,
)

PUT, MULTIPART = RequestedMethod.PUT, RequestedMethod.MULTIPART
OWNERS = ("alice", "bob")
SIZES = (0, 1, PART, 2 * PART + 1)
"""Of files: none, one, one and three parts."""

MOST = 5
"""Files in one life, or none would get far."""

JUMPS = tuple(
    timedelta(**jump)
    for jump in ({"seconds": 30}, {"minutes": 16}, {"hours": 5}, {"hours": 25}, {"days": 8})
)


@dataclass(eq=False)
class Client:
    """What a client knows of its file: the id and every URL that it ever got."""

    principal: Principal
    id: UUID
    urls: list[SignedRequest] = field(default_factory=list)
    parts: list[IssuedParts] = field(default_factory=list)
    said_no_size: bool = False

    def note(self, upload: Upload) -> None:
        self.said_no_size = upload.record.size_is_limit
        self.urls += [upload.signed] if upload.signed else []
        self.parts += [upload.parts] if upload.parts else []


@dataclass(frozen=True)
class Transfer:
    """A PUT or POST whose URL was good when it began."""

    key: str
    object: StoredObject
    once: bool
    last: datetime
    """When its bytes are there at the latest."""


def principal(owner: str) -> Principal:
    return Principal(owner, frozenset({Scope.READ, Scope.WRITE, Scope.PROCESS}))


def content(size: int, right: bool = True) -> bytes:
    return (b"x" if right else b"y") * size


async def complete(life: Life, client: Client) -> None:
    await life.services.multipart.complete(client.principal, client.id)


async def complete_with_list(life: Life, client: Client) -> None:
    held = await life.services.multipart.held_parts(client.principal, client.id)
    claimed = {part.number: part.etag for part in held.parts}
    await life.services.multipart.complete(client.principal, client.id, claimed)


async def abort(life: Life, client: Client) -> None:
    await life.services.multipart.abort(client.principal, client.id)
    assert not life.holds(client.id)


async def delete(life: Life, client: Client) -> None:
    await life.services.files.delete(client.principal, client.id)
    assert not life.holds(client.id)


async def download(life: Life, client: Client) -> None:
    await life.services.files.download_url(client.principal, client.id)


async def more_parts(life: Life, client: Client) -> None:
    client.parts.append(await life.services.part_urls.sign_parts(client.principal, client.id, [1]))


async def sweep(life: Life, client: Client) -> None:
    await life.services.sweep.run()


async def hear(life: Life, client: Client) -> None:
    """The store says that the object was created, be it true or not."""
    key = life.repository.records[client.id].key
    report = await life.services.storage_events.receive(s3_body(key))
    record = life.repository.records[client.id]
    assert ("discarded" in report) <= is_unwanted(record)
    assert not ("discarded" in report and life.holds(client.id))
    assert not (is_pending(record) and key in life.store.objects)


def report(status: FileStatus) -> "Use":
    async def use(life: Life, client: Client) -> None:
        ref = FileRef(id=client.id)
        await life.services.files.update_status(client.principal, ref, status)

    return use


Use = Callable[[Life, Client], Awaitable[None]]

USES: Mapping[str, Use] = {
    **{use.__name__: use for use in (complete, complete_with_list, abort, delete, download)},
    **{use.__name__: use for use in (more_parts, sweep, hear)},
    **{f"report {status}": report(status) for status in FileStatus},
}

ENDINGS = ("abort", "report failed", "delete")

uses = st.sampled_from(sorted(USES))
troubles = st.sampled_from(Trouble) | st.just(Trouble.OVERTAKEN)
strikes = st.none() | st.builds(Strike, trouble=troubles, calls=st.integers(0, 4))


@st.composite
def requests(
    draw: Callable[[st.SearchStrategy[Any]], Any], *methods: RequestedMethod
) -> UploadRequest:
    size = draw(st.sampled_from(SIZES))
    method = draw(st.sampled_from(methods or tuple(RequestedMethod)))
    size_is_limit = method is RequestedMethod.POST and draw(st.booleans())
    return UploadRequest(
        filename="file.txt",
        type="text/plain",
        file_size=size,
        size_is_limit=size_is_limit,
        method=method,
        checksum=None if size_is_limit else draw(st.none() | st.just(_checksum(size))),
        policy=draw(st.sampled_from(["default", "auto"])),
    )


def _checksum(size: int) -> Checksum:
    return checksum_of(ChecksumAlgorithm.CRC32C, content(size))


class LifeOfAFile(RuleBasedStateMachine):
    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self.life = Life()
        self.transfers: list[Transfer] = []
        self.blows: list[Strike | None] = []
        """What strikes the next deliveries."""

    @initialize(
        target=clients,
        wishes=st.tuples(requests(PUT), requests(MULTIPART), requests()),
        strike=strikes,
        blows=st.lists(strikes, max_size=MOST),
    )
    def begin(
        self,
        wishes: tuple[UploadRequest, ...],
        strike: Strike | None,
        blows: list[Strike | None],
    ) -> Any:
        """One of each, whose creations are repeated when trouble strikes."""
        self.blows = list(blows)
        for key, wish in zip("abc", wishes, strict=True):
            self._create("alice", [wish], key, strike)
        created = [self._create("alice", [w], k) for k, w in zip("abc", wishes, strict=True)]
        return multiple(*itertools.chain(*created))

    @precondition(lambda self: len(self.life.repository.records) < MOST)
    @rule(
        target=clients,
        owner=st.sampled_from(OWNERS),
        wishes=st.lists(requests(), min_size=1, max_size=2),
        key=st.none() | st.sampled_from(["k1", "k2"]),
        strike=strikes,
    )
    def create(
        self, owner: str, wishes: list[UploadRequest], key: str | None, strike: Strike | None
    ) -> Any:
        return multiple(*self._create(owner, wishes, key, strike))

    def _create(
        self,
        owner: str,
        wishes: list[UploadRequest],
        key: str | None = None,
        strike: Strike | None = None,
    ) -> list[Client]:
        user = principal(owner)
        service = self.life.services.presigned_urls
        seen: list[Upload] = []

        async def ask() -> None:
            if len(wishes) > 1:
                seen.extend(await service.create_many(user, wishes, key))
            else:
                seen.append(await service.create(user, wishes[0], key))

        self._attempt(ask, strike, faster=ask)
        known = {upload.record.id: Client(user, upload.record.id) for upload in seen}
        for upload in seen:
            known[upload.record.id].note(upload)
        return list(known.values())

    @rule(client=clients, faster=uses, strike=strikes)
    def finish(self, client: Client, faster: str, strike: Strike | None) -> None:
        """As an honest client does."""
        in_parts = self._record(client).method is UploadMethod.MULTIPART
        self.use(client, "complete" if in_parts else "report uploaded", faster, strike)

    @rule(client=clients, use=st.sampled_from(ENDINGS), faster=uses, strike=strikes)
    def end(self, client: Client, use: str, faster: str, strike: Strike | None) -> None:
        self.use(client, use, faster, strike)

    @rule(client=clients, use=uses, faster=uses, strike=strikes)
    def use(self, client: Client, use: str, faster: str, strike: Strike | None) -> None:
        self._attempt(
            lambda: USES[use](self.life, client),
            strike,
            faster=lambda: USES[faster](self.life, client),
        )

    @rule(client=clients)
    def send(self, client: Client) -> None:
        """All of it, by the newest URLs."""
        self._put(client, self._size(client))
        for issued in client.parts[-1:]:
            for number in issued.numbers:
                self._put_part(issued, number)

    @rule(client=clients, right=st.booleans(), more=st.integers(0, 1))
    def send_other_bytes(self, client: Client, right: bool, more: int) -> None:
        """Or the right ones once more."""
        # A form without a size would take another one, even in the place of a verified file.
        self._put(client, self._size(client) + (0 if client.said_no_size else more), right)

    @rule(client=clients, number=st.integers(1, 3), right=st.booleans(), more=st.integers(0, 1))
    def send_part(self, client: Client, number: int, right: bool, more: int) -> None:
        """One part, by the oldest URLs."""
        for issued in client.parts[:1]:
            if number in issued.numbers:
                self._put_part(issued, number, right, more)

    @rule(client=clients)
    def begin_to_send(self, client: Client) -> None:
        """A slow transfer, by the oldest URL."""
        if client.urls and self.life.now < client.urls[0].expires_at:
            record = self._record(client)
            stored = StoredObject(content(self._size(client)), record.type, record.checksum)
            once = client.urls[0].method == "PUT"
            last = self.life.now + LONGEST_TRANSFER - timedelta(seconds=1)
            self.transfers.append(Transfer(record.key, stored, once, last))

    @precondition(lambda self: self.transfers)
    @rule()
    def end_sending(self) -> None:
        self._arrive(self.transfers.pop(0))

    @rule(strike=strikes)
    def sweep(self, strike: Strike | None) -> None:
        self._attempt(self.life.services.sweep.run, strike)

    @rule(strike=strikes)
    def run_jobs(self, strike: Strike | None) -> None:
        """Those that are due, as a worker does."""
        ledger = self.life.ledger
        for owner in OWNERS:
            self._attempt(
                lambda owner=owner: run_jobs(self.life.services, ledger, owner, self.life.now),
                strike,
            )

    @rule(number=st.integers(0, 5))
    def run_job(self, number: int) -> None:
        """Any job, too early or not, which another worker then does once more."""
        for job in self.life.repository.jobs[number : number + 1]:
            self._attempt(lambda job=job: run_job(self.life.services, job), None)

    @precondition(lambda self: self.life.repository.records)
    @rule(number=st.integers(0, MOST - 1), faster=uses, strike=strikes, again=st.booleans())
    def event(self, number: int, faster: str, strike: Strike | None, again: bool) -> None:
        """Of any file, at any time; the store says it again until somebody has listened."""
        records = list(self.life.repository.records.values())
        record = records[number % len(records)]
        client = Client(principal(record.owner), record.id)
        self.use(client, "hear", faster, strike)
        if again:
            self._attempt(lambda: hear(self.life, client), None)

    @precondition(lambda self: self.life.told.due())
    @rule()
    def tell(self) -> None:
        """The webhook, of what is due."""
        for at in self.life.told.due():
            if at <= self.life.now:
                self._deliver()

    @rule(by=st.sampled_from(JUMPS))
    def wait(self, by: timedelta) -> None:
        self.life.reach(self.life.now + by)

    @invariant()
    def trails_are_legal(self) -> None:
        for record in self.life.repository.records.values():
            assert wrong_trail(record, self.life.repository.trail[record.id]) == []

    @invariant()
    def each_move_is_told_once(self) -> None:
        for file_id, trail in self.life.repository.trail.items():
            assert wrong_deliveries(trail, self.life.told.events_of(file_id)) == []

    @invariant()
    def quota_is_exact(self) -> None:
        for owner in OWNERS:
            records = self._run(self.life.ledger.records(owner))
            usage = self.life.repository.standing(owner).usage
            assert wrong_usage(records, usage) == []
            assert usage.reserved.bytes <= MAX_IN_FLIGHT
            assert usage.used.bytes + usage.reserved.bytes <= MAX_BYTES
            assert usage.used.files + usage.reserved.files <= MAX_FILES

    @invariant()
    def nothing_vanishes(self) -> None:
        """What arrived is there, and what is begun goes on, until a deletion is asked for."""
        for record in self.life.repository.records.values():
            events = {event.event for event in self.life.repository.trail[record.id]}
            if "delete_requested" in events:
                continue
            stored = self.life.store.objects.get(record.key)
            if is_kept(record):
                assert stored is not None, record
                assert len(stored.body) == record.file_size
                assert stored.etag == record.etag or record.method == "POST"
            elif is_pending(record) and record.upload_id is not None:
                assert stored or record.upload_id in self.life.store.uploads, record

    def teardown(self) -> None:
        """Once all is quiet, nothing is pending, owed or left behind."""
        try:
            for transfer in self.transfers:
                self._settle(until=transfer.last)
                self.life.reach(transfer.last)
                self._arrive(transfer)
            self._settle()
            self._run(self._check_rest())
            while due := self.life.told.due():
                self.life.reach(min(due))
                self._deliver()
            assert self.life.told.faults() == []
        finally:
            self._loop.close()

    def _settle(self, until: datetime | None = None) -> None:
        life = self.life
        for owner in OWNERS:
            self._run(settle(life.services, life.ledger, owner, life.reach, until))

    async def _check_rest(self) -> None:
        for owner in OWNERS:
            ledger, store = self.life.ledger, self.life.store
            assert await faults_at_rest(ledger, store, owner, folder(owner)) == []

    def _deliver(self) -> None:
        strike = self.blows.pop() if self.blows else None
        self._attempt(self.life.told.deliver, strike)

    def _arrive(self, transfer: Transfer) -> None:
        objects = self.life.store.objects
        if self.life.now <= transfer.last and not (transfer.once and transfer.key in objects):
            objects[transfer.key] = transfer.object

    def _attempt(self, use_case: Any, strike: Strike | None, faster: Any = None) -> Any:
        return self._run(self.life.attempt(use_case, strike, faster))

    def _run(self, call: Any) -> Any:
        return self._loop.run_until_complete(call)

    def _put(self, client: Client, size: int, right: bool = True) -> None:
        for signed in client.urls[-1:]:
            self._run(self.life.store.send(signed, content(size, right)))

    def _put_part(
        self, issued: IssuedParts, number: int, right: bool = True, more: int = 0
    ) -> None:
        url = issued.signed.urls[issued.numbers.index(number)]
        size = issued.record.plan.size_of(number) + more
        self._run(self.life.store.send_part(url, content(size, right)))

    def _size(self, client: Client) -> int:
        """What is really sent: less than the most it may be, where no size was declared."""
        record = self._record(client)
        return int(record.file_size // 2 if record.size_is_limit else record.file_size)

    def _record(self, client: Client) -> Any:
        return self.life.repository.records[client.id]


def test_the_life_of_a_file() -> None:
    run_state_machine_as_test(
        LifeOfAFile,
        settings=settings(
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
