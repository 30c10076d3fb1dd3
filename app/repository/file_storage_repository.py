"""The files, their audit trail and the idempotency keys, in PostgreSQL."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

import asyncpg

from app.database.config import Database
from app.database.engine import Connection
from app.database.models import FileEventModel, FileModel
from app.domain.file import FileEvent, FileRecord, FileStatus
from app.domain.idempotency import EarlierUse, IdempotencyClaim
from app.domain.job import Job
from app.domain.ports import Found
from app.domain.usage import UNLIMITED, Amount, Limits, change, refusal
from app.exceptions.errors import DatabaseUnavailable, QuotaExceeded
from app.repository import quota_statements, statements
from app.repository.coalescing import Coalescer
from app.repository.housekeeping import Housekeeping
from app.repository.mapping import (
    FILE_COLUMNS,
    mutable_values,
    to_event,
    to_event_columns,
    to_event_row,
    to_file_row,
    to_job_columns,
    to_record,
)
from app.repository.usage_repository import read_standing

MAX_BATCH = 128
FLIGHTS = 2
"""docs/adr/0002: while one batch is on its way, Python prepares the next."""

MAX_WAITING = 4096
"""Inserts that may wait for the database; each holds a request and some 2 KiB."""

Created = tuple[FileRecord, FileEvent]

_ID = FILE_COLUMNS.index("id")
_owner_of = itemgetter(FILE_COLUMNS.index("owner"))


class FileStorageRepository(Housekeeping):
    """Implements `FileRepository`. One instance per process, so that its inserts coalesce."""

    def __init__(self, database: Database, default_limits: Limits = UNLIMITED) -> None:
        super().__init__(database)
        self._default_limits = default_limits
        self._reserve = quota_statements.reserve(default_limits)
        self._insert_within = statements.insert_within(default_limits)
        self._inserts: Coalescer[tuple[Any, ...], bool] = Coalescer(
            self._insert_rows,
            max_batch=MAX_BATCH,
            max_waiting=MAX_WAITING,
            flights=FLIGHTS,
            common=DatabaseUnavailable,
        )

    async def insert(self, record: FileRecord, event: FileEvent) -> None:
        try:
            if await self._inserts.submit(_insert_row(record, event)):
                return
        except asyncio.QueueFull:
            raise DatabaseUnavailable("Too many requests wait for the database.") from None
        except asyncpg.UniqueViolationError:
            pass
        # Once more by itself, which tells why, or that all is well by now.
        await self.insert_many([(record, event)])

    async def insert_many(self, created: Sequence[Created]) -> None:
        async def attempt(connection: Connection) -> None:
            async with connection.transaction():
                await self._insert_together(connection, created)

        try:
            await self._database.run(attempt)
        except (asyncpg.UniqueViolationError, QuotaExceeded):
            # An attempt whose answer was lost may have done it, and filled the quota.
            if not await self._are_there(created):
                raise

    async def insert_once(
        self, claim: IdempotencyClaim, created: Sequence[Created]
    ) -> EarlierUse | None:
        ids = json.dumps([str(record.id) for record, _ in created])

        async def attempt(connection: Connection) -> EarlierUse | None:
            async with connection.transaction():
                if await _is_claimed(connection, claim, ids):
                    await self._insert_together(connection, created)
                    return None
                return await _earlier_use(connection, claim)

        return await self._database.run(attempt)

    async def find(
        self, owner: str, *, id: UUID | None = None, key: str | None = None
    ) -> FileRecord | None:
        by_id = (statements.FIND_BY_ID, owner, id)
        by_key = (statements.FIND_BY_KEY, owner, key)
        question = by_key if id is None else by_id
        row = await self._database.ask(lambda connection: connection.fetchrow(*question))
        return to_record(row) if row else None

    async def find_all(self, owner: str, ids: Sequence[UUID]) -> list[FileRecord]:
        rows = await self._database.ask(
            lambda connection: connection.fetch(statements.FIND_ALL, owner, ids)
        )
        found = {row["id"]: to_record(row) for row in rows}
        return [found[file_id] for file_id in ids if file_id in found]

    async def move(
        self,
        before: FileRecord,
        after: FileRecord,
        events: Sequence[FileEvent],
        jobs: Sequence[Job] = (),
    ) -> bool:
        values = (
            before.id,
            before.owner,
            before.status,
            before.ends_at,
            before.upload_id,
            *mutable_values(after),
            *to_event_columns(events),
            *quota_statements.counters(change(before, after)),
            *to_job_columns(jobs),
        )
        # Not repeatable: it would take its own success for somebody else's.
        moved = await self._database.ask(
            lambda connection: connection.fetchval(statements.MOVE, *values), repeatable=False
        )
        if moved:
            self._database.wake_listeners()
        return bool(moved)

    async def extend(
        self, record: FileRecord, *, expires_at: datetime, ends_at: datetime, event: FileEvent
    ) -> bool:
        values = (record.id, record.owner, expires_at, ends_at, *to_event_row(event))
        extended = await self._database.ask(
            lambda connection: connection.fetchval(statements.EXTEND, *values), repeatable=False
        )
        return bool(extended)

    async def append(self, record: FileRecord, event: FileEvent, jobs: Sequence[Job] = ()) -> None:
        values = (record.id, *to_event_row(event), *to_job_columns(jobs))
        await self._database.ask(
            lambda connection: connection.execute(statements.APPEND, *values), repeatable=False
        )

    async def defer(self, jobs: Sequence[Job]) -> None:
        values = to_job_columns(jobs)
        await self._database.ask(
            lambda connection: connection.execute(statements.DEFER, *values), repeatable=False
        )

    async def page(
        self,
        owner: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[FileRecord]:
        query = _listed(owner, status=status, policy=policy, id__lt=before)
        rows = await self._database.run(lambda _: query.limit(limit).values())
        return [to_record(row) for row in rows]

    async def search(
        self,
        owner: str,
        text: str,
        *,
        status: FileStatus | None,
        policy: str | None,
        before: UUID | None,
        limit: int,
        window: int,
    ) -> Found:
        listed = _listed(owner, status=status, policy=policy, id__lt=before)

        async def attempt(_: Connection) -> Found:
            last = await listed.offset(window - 1).limit(1).values_list("id", flatten=True)
            until = last[0] if last else None
            asked = _given(filename__icontains=text, id__gte=until)
            rows = await listed.filter(**asked).limit(limit).values()
            return Found([to_record(row) for row in rows], until)

        return await self._database.run(attempt)

    async def events(
        self, owner: str, file_id: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[FileEvent] | None:
        if await self.find(owner, id=file_id) is None:
            return None
        query = (
            FileEventModel.objects.filter(file_id=file_id, id__gt=after).order_by("id").limit(limit)
        )
        rows = await self._database.run(lambda _: query.values())
        return [to_event(row) for row in rows]

    async def _insert_rows(self, rows: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Which of the rows are there now: the others exceed a limit."""
        # Batches that lock several owners' usage do so in one order, or they might deadlock.
        ordered = sorted(rows, key=_owner_of)
        # fetchmany is one round trip and one transaction, whatever the number of rows.
        inserted = await self._database.run(
            lambda connection: connection.fetchmany(self._insert_within, ordered)
        )
        there = {row["file_id"] for row in inserted}
        return [row[_ID] in there for row in rows]

    async def _insert_together(self, connection: Connection, created: Sequence[Created]) -> None:
        for owner, records in _by_owner(created):
            await self._reserve_for(connection, owner, records)
        rows = [_insert_row(*pair) for pair in created]
        await connection.executemany(statements.INSERT, rows)

    async def _are_there(self, created: Sequence[Created]) -> bool:
        """Their ids are the caller's own, and one stands for all."""
        first = created[0][0].id
        there: bool = await self._database.ask(
            lambda connection: connection.fetchval(statements.IS_THERE, first)
        )
        return there

    async def _reserve_for(
        self, connection: Connection, owner: str, records: Sequence[FileRecord]
    ) -> None:
        """Raises `QuotaExceeded`."""
        asked = Amount(len(records), sum(record.file_size for record in records))
        if await connection.fetchval(self._reserve, owner, asked.files, asked.bytes):
            return
        # The refused statement has locked the owner's row: these are the figures it saw.
        standing = await read_standing(connection, owner, self._default_limits)
        raise refusal(standing, asked) or DatabaseUnavailable("The limits changed; try again.")


def _listed(owner: str, **filters: Any) -> Any:  # ormar's type names a private class
    """The owner's files, newest first; filters by None count for nothing."""
    own = FileModel.objects.filter(owner=owner, deleted_at__isnull=True, **_given(**filters))
    return own.order_by("-id")


def _given(**filters: Any) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}


def _by_owner(created: Sequence[Created]) -> list[tuple[str, list[FileRecord]]]:
    """In the order in which everybody locks their usage."""
    owner = attrgetter("owner")
    records = sorted((record for record, _ in created), key=owner)
    return [(name, list(group)) for name, group in groupby(records, key=owner)]


def _insert_row(record: FileRecord, event: FileEvent) -> tuple[Any, ...]:
    return (*to_file_row(record), *to_event_row(event))


async def _is_claimed(connection: Connection, claim: IdempotencyClaim, ids: str) -> bool:
    return bool(
        await connection.fetchval(
            statements.CLAIM,
            claim.owner,
            claim.key,
            claim.fingerprint,
            claim.at,
            ids,
            claim.not_before,
        )
    )


async def _earlier_use(connection: Connection, claim: IdempotencyClaim) -> EarlierUse:
    # Always one row: the claim that lost to it has locked it.
    [row] = await connection.fetch(statements.EARLIER_USE, claim.owner, claim.key)
    return EarlierUse(row["fingerprint"], tuple(map(UUID, row["file_ids"])))
