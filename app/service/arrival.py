"""Files that their clients send without a word: somebody has to look."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from app.domain.arrival import look
from app.domain.event import WORKER
from app.domain.file import FileRecord
from app.domain.policy import Policies
from app.domain.ports import FileRepository
from app.domain.transition import on_arrival
from app.exceptions.errors import ObjectMissing, VerificationFailed
from app.service.completion import Completion


class ArrivalService:
    """Looks until the file is there or has ended; what is missed then, the sweep finds."""

    def __init__(
        self,
        *,
        repository: FileRepository,
        completion: Completion,
        policies: Policies,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._completion = completion
        self._policies = policies
        self._clock = clock

    async def expect(self, record: FileRecord) -> None:
        """Have the file looked for from now on. Raises `DatabaseUnavailable`."""
        job = look(record, self._clock())
        if job is not None:
            await self._repository.defer([job])

    async def look(self, file_id: UUID) -> None:
        """Move the file if its bytes are there, else have it looked for again.

        May run twice, late, or at the same time in two processes. Raises `StorageUnavailable` and
        `DatabaseUnavailable`; it is then to be done again.
        """
        record = await self._repository.load(file_id)
        if record is None or not record.is_pending:
            return
        try:
            target = on_arrival(record, self._policies)
            await self._completion.verify_and_finish(record, target, WORKER)
        except ObjectMissing:
            await self.expect(record)
        except VerificationFailed:
            pass  # The record says so.
