"""What must be true of an owner's files whatever happened to them, and once all of it is over."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Protocol, TypeVar
from uuid import UUID

from app.domain.file import DOWNLOADABLE, LEGAL_MOVES, FileEvent, FileRecord, FileStatus
from app.domain.job import Job, JobName
from app.domain.ports import ObjectStore, StoreListing
from app.domain.removal import is_unwanted
from app.domain.usage import Amount, Usage
from app.service.removal import RemovalService
from app.service.sweep import SweepService
from tests.support.ledger import Ledger

T = TypeVar("T")

ROUNDS = 12
"""For each file: more than the times at which something is due for it, from first to last."""


class ListedStore(ObjectStore, StoreListing, Protocol):
    """A store that can be searched for what should not be there."""


class Worker(Protocol):
    """The services that a worker calls."""

    @property
    def removal(self) -> RemovalService: ...

    @property
    def sweep(self) -> SweepService: ...


async def run_job(worker: Worker, job: Job) -> None:
    """What a worker does for a job."""
    work: dict[JobName, Callable[[UUID], Awaitable[None]]] = {
        JobName.DISCARD: worker.removal.discard,
        JobName.DELETE: worker.removal.finish_deletion,
    }
    await work[job.name](job.file_id)


async def run_jobs(worker: Worker, ledger: Ledger, owner: str, now: datetime) -> None:
    """Those whose time has come."""
    for handle, job in await ledger.jobs(owner):
        if job.at is None or job.at <= now:
            await run_job(worker, job)
            await ledger.done(handle)


async def settle(
    worker: Worker,
    ledger: Ledger,
    owner: str,
    set_clock: Callable[[datetime], None],
    until: datetime | None = None,
) -> None:
    """Let a worker do all there is to do, each thing when its time comes, until nothing is left."""
    for _ in range(ROUNDS * max(1, len(await ledger.records(owner)))):
        due = await _next_due(ledger, owner)
        if due is None or (until and due > until):
            return
        set_clock(due)
        await run_jobs(worker, ledger, owner, due)
        await worker.sweep.run()
    raise AssertionError(f"{owner} has something due at {due}, again and again")


async def _next_due(ledger: Ledger, owner: str) -> datetime | None:
    records = await ledger.records(owner)
    ends = [record.ends_at for record in records if is_pending(record)]
    removals = [record.remove_at for record in records if record.remove_at is not None]
    jobs = [job.at for _, job in await ledger.jobs(owner)]
    times = ends + removals + [at for at in jobs if at is not None]
    if None in jobs:
        return max((record.updated_at for record in records), default=None)
    return min(times, default=None)


def is_pending(record: FileRecord) -> bool:
    return record.status is FileStatus.PENDING and record.deleted_at is None


def is_kept(record: FileRecord) -> bool:
    """Whether the store must hold the file's object."""
    return record.status in DOWNLOADABLE and record.deleted_at is None


async def faults_at_rest(ledger: Ledger, store: ListedStore, owner: str, folder: str) -> list[str]:
    """What is wrong with the owner's files, all under `folder`, when nothing is left to do."""
    records = await ledger.records(owner)
    found = [f"{r.id} is pending" for r in records if is_pending(r)]
    found += [f"{r.id} waits for a removal" for r in records if r.remove_at is not None]
    found += [f"{job} waits" for _, job in await ledger.jobs(owner)]
    found += await wrong_in_store(records, store, folder)
    found += wrong_usage(records, await ledger.usage(owner))
    for record in records:
        trail = await ledger.trail(record.id)
        found += wrong_trail(record, trail) + undone_deletion(record, trail)
    return found


async def wrong_in_store(
    records: Iterable[FileRecord], store: ListedStore, folder: str
) -> list[str]:
    """Objects that are missing, of another size or nobody's, and uploads that nobody ended."""
    kept = {record.key: record.file_size for record in records if is_kept(record)}
    held = {entry.key: entry.size for entry in await everything(store.list_objects(folder))}
    found = [
        f"the store holds {held.get(k)} bytes of {k}, should {kept.get(k)}"
        for k in sorted(kept.keys() | held.keys())
        if kept.get(k) != held.get(k)
    ]
    uploads = await everything(store.unfinished_uploads(folder))
    return found + [f"unfinished upload of {upload.key}" for upload in uploads]


async def unwanted_in_store(
    records: Iterable[FileRecord], store: ListedStore, folder: str
) -> list[str]:
    """What the store holds of files that failed or were deleted."""
    keys = {record.key for record in records if is_unwanted(record)}
    objects = [entry.key for entry in await everything(store.list_objects(folder))]
    uploads = [entry.key for entry in await everything(store.unfinished_uploads(folder))]
    return [key for key in objects + uploads if key in keys]


def wrong_usage(records: Sequence[FileRecord], charged: Usage) -> list[str]:
    """A charge that is not for the files that arrived, or may arrive."""
    used = sum((_amount(r) for r in records if is_kept(r)), Amount())
    reserved = sum((_amount(r) for r in records if is_pending(r)), Amount())
    total = Usage(used, reserved)
    return [] if charged == total else [f"charged with {charged}, holds {total}"]


def _amount(record: FileRecord) -> Amount:
    return Amount(1, record.file_size)


def wrong_trail(record: FileRecord, trail: Sequence[FileEvent]) -> list[str]:
    """Moves that are not legal, do not follow one another or do not lead to the record's state."""
    moves = [(e.from_status, e.to_status) for e in trail if e.to_status is not None]
    found = [f"{record.id} went {move}" for move in moves[1:] if move not in LEGAL_MOVES]
    if moves[:1] != [(None, FileStatus.PENDING)]:
        found.append(f"{record.id} began with {moves[:1]}")
    if any(left[1] is not right[0] for left, right in pairwise(moves)):
        found.append(f"{record.id} skipped a state: {moves}")
    if moves[-1:] and moves[-1][1] is not record.status:
        found.append(f"{record.id} is {record.status}, its trail says {moves[-1][1]}")
    ends = [event.event for event in trail].count("deleted")
    if ends != (record.deleted_at is not None):
        found.append(f"{record.id} was deleted at {record.deleted_at}, {ends} times in its trail")
    return found


def name_of(event: FileEvent) -> str | None:
    """What webhooks are told of a line of the trail, if anything."""
    if event.event == "deleted":
        return "file.deleted"
    return f"file.{event.to_status}" if event.from_status else None


def wrong_deliveries(trail: Sequence[FileEvent], told: Sequence[str]) -> list[str]:
    """Unless a webhook that wants all of it is told of each move once, in their order."""
    moves = [name for event in trail if (name := name_of(event))]
    return [] if moves == list(told) else [f"moves are {moves}, told are {list(told)}"]


def undone_deletion(record: FileRecord, trail: Sequence[FileEvent]) -> list[str]:
    asked = any(event.event == "delete_requested" for event in trail)
    return [f"{record.id} was to be deleted"] if asked and record.deleted_at is None else []


async def everything(pages: AsyncIterator[Sequence[T]]) -> list[T]:
    return [entry async for page in pages for entry in page]
