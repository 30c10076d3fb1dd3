"""Use cases that are killed between their steps. A new one is another entry of the list.

Each is what happens before, what is killed, and the ends that the owner's files may come to.
"""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.domain.checksum import ChecksumAlgorithm
from app.domain.event import delete_requested
from app.domain.file import FileRecord, FileStatus
from app.domain.parts import MIN_PART_SIZE
from app.domain.ports import SignedRequest, UploadSpec
from app.domain.removal import first_look, takeover
from app.domain.upload_request import RequestedMethod, UploadRequest
from app.infrastructure.events.sqs import QueuedMessage
from app.service.file_storage import FileRef
from app.service.part_urls import IssuedParts
from app.service.presigned_url import Upload
from app.service.status_reports import StatusReport
from app.service.storage_events import read_json
from app.worker.events import EventConsumer
from tests.fakes.queue import OneMessageQueue
from tests.kill.stage import Stage, Stopped
from tests.support.aftermath import run_jobs
from tests.support.checksums import checksum_of
from tests.support.events import s3_body
from tests.support.killing import Watched

UPLOADED, PROCESSING = FileStatus.UPLOADED, FileStatus.PROCESSING
COMPLETED, FAILED = FileStatus.COMPLETED, FileStatus.FAILED
DELETED = "deleted"
"""An end, besides the final states."""

ONE = UploadRequest(filename="one.txt", type="text/plain", file_size=5)
PARTS = dataclasses.replace(ONE, method=RequestedMethod.MULTIPART)
TWO_PARTS = dataclasses.replace(PARTS, file_size=MIN_PART_SIZE + 1)
SUMMED = dataclasses.replace(PARTS, checksum=checksum_of(ChecksumAlgorithm.CRC64NVME, b"other"))
AUTO = dataclasses.replace(PARTS, policy="auto")
AUTO_ONE = dataclasses.replace(ONE, policy="auto")
BATCH = [ONE, PARTS, PARTS]
FORM = dataclasses.replace(
    ONE, method=RequestedMethod.POST, file_size=1000, size_is_limit=True, policy="auto"
)
CUT = dataclasses.replace(PARTS, file_size=MIN_PART_SIZE, size_is_limit=True, parts_by_client=True)

Files = Sequence[FileRecord]
Given = Callable[[Stage], Awaitable[Files]]
Act = Callable[[Stage, Files], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Of each of the owner's files the end that it must come to: `untouched` when `act` did not
    begin, `ends` when it did a step.

    A client that comes back does `again`, which brings its files to `returned` at once; so many
    more that it has lost sight of may then end as failed.
    """

    name: str
    given: Given
    act: Act
    untouched: tuple[str, ...]
    ends: tuple[str, ...]
    again: Act | None = None
    returned: tuple[str, ...] = ()
    lost: int = 0
    late: bool = False
    """Bytes came when the file had ended, which only a sweep finds out."""


# What was before


async def nothing(stage: Stage) -> Files:
    return []


def asked(request: UploadRequest) -> Given:
    async def given(stage: Stage) -> Files:
        return [(await stage.ask(request)).record]

    return given


def sent(request: UploadRequest, *parts: int) -> Given:
    """All the bytes of the file, or only these parts."""

    async def given(stage: Stage) -> Files:
        upload = await stage.ask(request)
        if parts and upload.parts:
            await stage.send_parts(upload.parts, parts)
        else:
            await stage.send(upload)
        return [upload.record]

    return given


async def sent_as_cut(stage: Stage) -> Files:
    """The only part of a client that cuts them itself."""
    record = (await stage.ask(CUT)).record
    issued = await sign_parts(stage, [record])
    await stage.put(SignedRequest("PUT", issued.signed.urls[0], issued.signed.expires_at), 5)
    return [record]


def interrupted(request: UploadRequest, steps: int) -> Given:
    """Its creation ended after so many steps."""
    return halted(nothing, create(request), steps)


def halted(before: Given, act: Act, steps: int) -> Given:
    """`act` ended after so many steps."""

    async def given(stage: Stage) -> Files:
        files = await before(stage)
        with suppress(Stopped):
            await act(stage.stopping_after(steps), files)
        return await stage.files()

    return given


async def sent_other_bytes(stage: Stage) -> Files:
    """The store has three bytes where five were declared."""
    record = (await stage.ask(ONE)).record
    spec = dataclasses.replace(UploadSpec.of(record), size=3)
    signed = await stage.adapters.store.presign_upload(spec, record.method, 60)
    await stage.put(signed, spec.size)
    return [record]


def several(*givens: Given) -> Given:
    async def given(stage: Stage) -> Files:
        return [file for one in givens for file in await one(stage)]

    return given


def after(before: Given, act: Act) -> Given:
    async def given(stage: Stage) -> Files:
        files = await before(stage)
        await act(stage, files)
        return await stage.files()

    return given


def expired(before: Given) -> Given:
    async def given(stage: Stage) -> Files:
        files = await before(stage)
        stage.clock.reach(max(record.ends_at for record in files))
        return files

    return given


def stray(end: Act) -> Given:
    """Bytes came by a live URL of a file after its end, and the time to look has come."""

    async def given(stage: Stage) -> Files:
        upload = await stage.ask(ONE)
        await end(stage, [upload.record])
        await run_jobs(stage.services, stage.adapters.ledger, stage.owner, stage.clock())
        await stage.send(upload)
        record = await stage.adapters.repository.load(upload.record.id)
        assert record is not None
        stage.clock.reach(first_look(record, stage.clock()))
        return [record]

    return given


async def deletion_asked(stage: Stage, files: Files) -> None:
    now = stage.clock()
    wish = delete_requested(stage.owner, now)
    await stage.adapters.repository.append(files[0], wish, [takeover(files[0], now)])


# What is killed


def create(
    *requests: UploadRequest, key: str | None = None
) -> Callable[[Stage, Files], Awaitable[list[Upload]]]:
    async def act(stage: Stage, files: Files) -> list[Upload]:
        service = stage.services.presigned_urls
        if len(requests) == 1:
            return [await service.create(stage.user, requests[0], key)]
        return await service.create_many(stage.user, requests, key)

    return act


def create_and_finish(*requests: UploadRequest, key: str | None = None) -> Act:
    """What a client does whose creation came to nothing: all of it once more."""

    async def act(stage: Stage, files: Files) -> None:
        for upload in await create(*requests, key=key)(stage, files):
            await stage.send(upload)
            finish = complete if upload.parts else report(UPLOADED)
            await finish(stage, [upload.record])

    return act


async def sign_parts(stage: Stage, files: Files) -> IssuedParts:
    return await stage.services.part_urls.sign_parts(stage.user, files[0].id, [1])


async def sign_parts_and_finish(stage: Stage, files: Files) -> None:
    await stage.send_parts(await sign_parts(stage, files), [1])
    await complete(stage, files)


async def complete(stage: Stage, files: Files) -> None:
    await stage.services.multipart.complete(stage.user, files[0].id)


async def complete_with_list(stage: Stage, files: Files) -> None:
    held = await stage.services.multipart.held_parts(stage.user, files[0].id)
    claimed = {part.number: part.etag for part in held.parts}
    await stage.services.multipart.complete(stage.user, files[0].id, claimed or {1: "held before"})


async def look(stage: Stage, files: Files) -> None:
    await stage.services.arrivals.look(files[0].id)


async def abort(stage: Stage, files: Files) -> None:
    await stage.services.multipart.abort(stage.user, files[0].id)


def report(status: FileStatus) -> Act:
    async def act(stage: Stage, files: Files) -> None:
        ref = FileRef(id=files[0].id)
        await stage.services.files.update_status(stage.user, ref, status)

    return act


async def report_all(stage: Stage, files: Files) -> None:
    reports = [StatusReport(file.id, UPLOADED) for file in files]
    await stage.services.status_reports.update_all(stage.user, reports)


async def delete(stage: Stage, files: Files) -> None:
    await stage.services.files.delete(stage.user, files[0].id)


async def hear(stage: Stage, files: Files) -> None:
    """The store says that the objects were created."""
    await stage.services.storage_events.receive(s3_body(*(file.key for file in files)))


async def consume(stage: Stage, files: Files) -> None:
    """A worker's consumer hears it from a queue, which hands out again what was not deleted."""
    queue = OneMessageQueue(json.dumps(s3_body(*(file.key for file in files))))

    async def take(body: str) -> None:
        await stage.services.storage_events.receive(read_json(body))

    async def park(message: QueuedMessage, reason: str) -> None:
        raise AssertionError(f"{message.body} cannot be read: {reason}")

    consumer = EventConsumer(
        Watched("queue", queue, after=stage.after_call),
        take=take,
        park=park,
        on_messages=lambda *_: None,
        on_error=lambda: None,
    )
    running = asyncio.create_task(consumer.run())
    await queue.deleted.wait()
    consumer.stop()
    await running


async def sweep(stage: Stage, files: Files) -> None:
    await stage.services.sweep.run()


async def discard(stage: Stage, files: Files) -> None:
    await stage.services.removal.discard(files[0].id)


async def finish_deletion(stage: Stage, files: Files) -> None:
    await stage.services.removal.finish_deletion(files[0].id)


# How each ends


def creating(name: str, *requests: UploadRequest, key: str | None = None) -> Scenario:
    return Scenario(
        name=name,
        given=nothing,
        act=create(*requests, key=key),
        untouched=(),
        ends=(FAILED,) * len(requests),
        again=create_and_finish(*requests, key=key),
        returned=(UPLOADED,) * len(requests),
        lost=0 if key else len(requests),
    )


def asking(
    name: str, given: Given, act: Act, end: str, *, else_: str, again: Act | None = None
) -> Scenario:
    """A client's wish for a file, which repeating fulfils; `else_` is its end without the wish."""
    return Scenario(
        name=name,
        given=given,
        act=act,
        untouched=(else_,),
        ends=(end,),
        again=again or act,
        returned=(end,),
    )


def working(name: str, given: Given, act: Act, end: str, *, late: bool = False) -> Scenario:
    """A worker's doing, which the next one takes up."""
    return Scenario(name=name, given=given, act=act, untouched=(end,), ends=(end,), late=late)


_uploaded = after(sent(ONE), report(UPLOADED))
_failed_in_parts = after(sent(TWO_PARTS, 2), report(FAILED))
_put_together = halted(sent(TWO_PARTS), complete, 1)
_refused = after(sent_other_bytes, hear)

SCENARIOS = [
    creating("create a PUT", ONE),
    creating("create a PUT once", ONE, key="key"),
    creating("create a multipart", PARTS),
    creating("create a multipart once", PARTS, key="key"),
    creating("create a batch", *BATCH),
    creating("create a batch once", *BATCH, key="key"),
    Scenario(
        name="sign more parts",
        given=asked(PARTS),
        act=sign_parts,
        untouched=(FAILED,),
        ends=(FAILED,),
        again=sign_parts_and_finish,
        returned=(UPLOADED,),
    ),
    Scenario(
        name="sign parts of an upload that was not begun",
        given=interrupted(PARTS, 1),
        act=sign_parts,
        untouched=(FAILED,),
        ends=(FAILED,),
        again=sign_parts_and_finish,
        returned=(UPLOADED,),
    ),
    asking("complete", sent(TWO_PARTS), complete, UPLOADED, else_=UPLOADED),
    asking("complete under auto_complete", sent(AUTO), complete, COMPLETED, else_=COMPLETED),
    asking("complete with another checksum", sent(SUMMED), complete, FAILED, else_=FAILED),
    asking("complete what was cut", sent_as_cut, complete_with_list, UPLOADED, else_=FAILED),
    asking("abort", sent(TWO_PARTS, 2), abort, FAILED, else_=FAILED),
    asking("abort what is all there", sent(PARTS), abort, FAILED, else_=UPLOADED),
    asking("report uploaded", sent(ONE), report(UPLOADED), UPLOADED, else_=UPLOADED),
    asking("report completed", sent(ONE), report(COMPLETED), COMPLETED, else_=UPLOADED),
    asking("report processing", _uploaded, report(PROCESSING), PROCESSING, else_=UPLOADED),
    asking("report other bytes", sent_other_bytes, report(UPLOADED), FAILED, else_=FAILED),
    asking("report failed", sent(ONE), report(FAILED), FAILED, else_=UPLOADED),
    asking("report parts as failed", sent(PARTS), report(FAILED), FAILED, else_=UPLOADED),
    asking("delete a pending file", sent(ONE), delete, DELETED, else_=UPLOADED),
    asking("delete a file in parts", sent(TWO_PARTS, 2), delete, DELETED, else_=FAILED),
    asking("delete an uploaded file", _uploaded, delete, DELETED, else_=UPLOADED),
    asking("delete a failed file", _failed_in_parts, delete, DELETED, else_=FAILED),
    asking("hear of a PUT", sent(ONE), hear, UPLOADED, else_=UPLOADED),
    asking("hear of a PUT under auto_complete", sent(AUTO_ONE), hear, COMPLETED, else_=COMPLETED),
    asking("hear of other bytes", sent_other_bytes, hear, FAILED, else_=FAILED),
    asking("hear of other bytes twice", _refused, hear, FAILED, else_=FAILED),
    asking("hear of a multipart", _put_together, hear, UPLOADED, else_=UPLOADED),
    asking("consume the event of a PUT", sent(ONE), consume, UPLOADED, else_=UPLOADED),
    asking("consume the event of other bytes", sent_other_bytes, consume, FAILED, else_=FAILED),
    *(
        Scenario(
            name=f"{act.__name__} of several at once",
            given=several(sent(ONE), sent(AUTO_ONE), sent_other_bytes),
            act=act,
            untouched=(UPLOADED, COMPLETED, FAILED),
            ends=(UPLOADED, COMPLETED, FAILED),
            again=act,
            returned=(UPLOADED, COMPLETED, FAILED),
        )
        for act in (hear, consume, report_all)
    ),
    working("hear late of a failed file", stray(report(FAILED)), hear, FAILED, late=True),
    working("hear late of a deleted file", stray(delete), hear, DELETED, late=True),
    working("hear late of failed parts", _failed_in_parts, hear, FAILED),
    working("hear of what is to be deleted", after(sent(ONE), deletion_asked), hear, DELETED),
    working("look for a form", sent(FORM), look, COMPLETED),
    working("sweep a PUT without bytes", expired(asked(ONE)), sweep, FAILED),
    working("sweep a PUT with its bytes", expired(sent(ONE)), sweep, UPLOADED),
    working("sweep a PUT with other bytes", expired(sent_other_bytes), sweep, FAILED),
    working("sweep all parts", expired(sent(TWO_PARTS)), sweep, UPLOADED),
    working("sweep some parts", expired(sent(TWO_PARTS, 2)), sweep, FAILED),
    working("sweep other parts", expired(sent(SUMMED)), sweep, FAILED),
    working("sweep an upload nobody knows", expired(interrupted(PARTS, 2)), sweep, FAILED),
    working("sweep a stray of a failed file", stray(report(FAILED)), sweep, FAILED, late=True),
    working("sweep a stray of a deleted file", stray(delete), sweep, DELETED, late=True),
    working("discard a file in parts", _failed_in_parts, discard, FAILED),
    working("discard an object", after(_uploaded, report(FAILED)), discard, FAILED),
    working("finish a deletion", after(_uploaded, deletion_asked), finish_deletion, DELETED),
]
