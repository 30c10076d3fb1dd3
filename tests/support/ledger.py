"""What the database really holds of an owner, read behind the services' back."""

from typing import Any, Protocol
from uuid import UUID

from app.database.config import Database
from app.domain.file import FileEvent, FileRecord
from app.domain.job import Job, JobName
from app.domain.usage import Limits, Usage
from app.repository.mapping import EVENT_COLUMNS, to_event, to_record
from app.repository.usage_repository import PostgresUsageRepository
from tests.fakes.file_repository import InMemoryFileRepository

_RECORDS = "SELECT * FROM files WHERE owner = $1 ORDER BY id"
_EVENTS = f"SELECT id, {', '.join(EVENT_COLUMNS)} FROM file_events WHERE file_id = $1 ORDER BY id"
_JOBS = """
SELECT job.id, task_name, lock, scheduled_at FROM procrastinate_jobs AS job
JOIN files ON files.id::text = job.lock
WHERE owner = $1 AND queue_name = 'files' AND job.status = 'todo' ORDER BY job.id
"""
_DONE = "DELETE FROM procrastinate_jobs WHERE id = $1"


class Ledger(Protocol):
    """Deleted records included."""

    async def records(self, owner: str) -> list[FileRecord]: ...

    async def trail(self, file_id: UUID) -> list[FileEvent]: ...

    async def usage(self, owner: str) -> Usage:
        """What the owner is charged with."""
        ...

    async def jobs(self, owner: str) -> list[tuple[Any, Job]]:
        """The waiting ones in the order they were deferred, each with what `done` takes."""
        ...

    async def done(self, handle: Any) -> None:
        """Take a job from the queue."""
        ...


class InMemoryLedger:
    def __init__(self, repository: InMemoryFileRepository) -> None:
        self._repository = repository

    async def records(self, owner: str) -> list[FileRecord]:
        return [record for record in self._repository.records.values() if record.owner == owner]

    async def trail(self, file_id: UUID) -> list[FileEvent]:
        return self._repository.trail[file_id]

    async def usage(self, owner: str) -> Usage:
        return self._repository.standing(owner).usage

    async def jobs(self, owner: str) -> list[tuple[Any, Job]]:
        jobs, records = self._repository.jobs, self._repository.records
        return [(job, job) for job in jobs if records[job.file_id].owner == owner]

    async def done(self, handle: Any) -> None:
        self._repository.jobs.remove(handle)


class PostgresLedger:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._usages = PostgresUsageRepository(database, Limits())

    async def records(self, owner: str) -> list[FileRecord]:
        return [to_record(row) for row in await self._fetch(_RECORDS, owner)]

    async def trail(self, file_id: UUID) -> list[FileEvent]:
        return [to_event(row) for row in await self._fetch(_EVENTS, file_id)]

    async def usage(self, owner: str) -> Usage:
        return (await self._usages.standing(owner)).usage

    async def jobs(self, owner: str) -> list[tuple[Any, Job]]:
        rows = await self._fetch(_JOBS, owner)
        return [
            (number, Job(name=JobName(name), file_id=UUID(lock), at=at))
            for number, name, lock, at in rows
        ]

    async def done(self, handle: Any) -> None:
        await self._fetch(_DONE, handle)

    async def _fetch(self, statement: str, *values: Any) -> list[Any]:
        return await self._database.run(lambda connection: connection.fetch(statement, *values))
