"""A whole service in memory that strikes trouble on command, and the time that a test moves."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from app.container import build_services
from app.domain.object_key import owner_folder
from app.domain.policy import KeyStrategy, Policies, UploadPolicy
from app.domain.usage import Limits
from app.exceptions.errors import (
    DatabaseUnavailable,
    RetryableError,
    SlipwayError,
    StorageUnavailable,
)
from app.infrastructure.metrics import Metrics
from tests.fakes.object_store import InMemoryObjectStore
from tests.support.killing import Watched, is_step
from tests.support.ledger import InMemoryLedger
from tests.support.records import NOON
from tests.support.telling import TellingFileRepository, Told

T = TypeVar("T")

PART = 4
"""Bytes: a store in memory needs no 5 MiB."""

MAX_BYTES, MAX_FILES, MAX_IN_FLIGHT = 40, 4, 30
"""Of an owner's: little enough to be reached."""

POLICIES = Policies(
    {
        name: UploadPolicy(
            name=name,
            auto_complete=name == "auto",
            part_size=PART,
            key_strategy=KeyStrategy.OWNER,
        )
        for name in ("default", "auto")
    }
)


class Trouble(Enum):
    """What can strike a use case; all but the outages strike one of its calls."""

    REFUSED = "nothing is done, and an error says so"
    LOST = "it is done, but the answer is lost"
    KILLED = "it is done, and the process ends"
    OVERTAKEN = "somebody else is faster"
    STORE_DOWN = "the store does not answer at all"
    DATABASE_DOWN = "the database does not answer at all"


@dataclass(frozen=True)
class Strike:
    """Trouble for the call after `calls` others."""

    trouble: Trouble
    calls: int


class Killed(BaseException):
    """The process has ended; nobody gets an answer."""


UseCase = Callable[[], Awaitable[T]]


class Life:
    """The services on twins. One use case at a time, which another may overtake."""

    def __init__(self) -> None:
        self.now = NOON
        self.told = Told(self.clock, self._watched)
        self.repository = TellingFileRepository(
            Limits(bytes=MAX_BYTES, files=MAX_FILES, in_flight_bytes=MAX_IN_FLIGHT),
            self.told.repository,
        )
        self.store = InMemoryObjectStore(clock=self.clock)
        self.store.min_part_size = 1
        self.ledger = InMemoryLedger(self.repository)
        self._strike: Strike | None = None
        self._faster: UseCase[object] | None = None
        self._left = 0
        self.services = build_services(
            repository=self._watched("repository", self.repository),
            store=self._watched("store", self.store),
            policies=POLICIES,
            metrics=Metrics(),
            clock=self.clock,
        )

    def clock(self) -> datetime:
        return self.now

    def reach(self, time: datetime) -> None:
        """Make it `time`, unless it is later already."""
        self.now = max(self.now, time)

    def holds(self, file_id: UUID) -> bool:
        """Whether the store has anything of the file."""
        key = self.repository.records[file_id].key
        uploads = self.store.uploads.values()
        return key in self.store.objects or any(upload.spec.key == key for upload in uploads)

    async def attempt(
        self,
        use_case: UseCase[T],
        strike: Strike | None = None,
        faster: UseCase[object] | None = None,
    ) -> T | None:
        """Its answer, or None when it was refused.

        Only a port that fails excuses a call to come back.
        """
        self._strike, self._faster, self._left = strike, faster, strike.calls if strike else 0
        self._bring_down(strike.trouble if strike else None)
        try:
            return await use_case()
        except RetryableError:
            failed = strike is not None and strike.trouble is not Trouble.OVERTAKEN
            assert failed, "nothing was wrong, yet the service was not available"
        except (SlipwayError, Killed):
            pass
        finally:
            self._strike = None
            self._bring_down(None)
        return None

    def _bring_down(self, trouble: Trouble | None) -> None:
        self.store.down = trouble is Trouble.STORE_DOWN
        self.repository.down = self.told.repository.down = trouble is Trouble.DATABASE_DOWN

    def _watched(self, name: str, port: object) -> Any:
        return Watched(name, port, before=self._before, after=self._after)

    async def _before(self, call: str) -> None:
        self._left -= 1
        if self._left >= 0 or self._strike is None:
            return
        trouble = self._strike.trouble
        if trouble is Trouble.REFUSED:
            self._strike = None
            raise _unavailable(call)
        if trouble is Trouble.OVERTAKEN:
            self._strike = None
            with suppress(SlipwayError):
                await self._faster() if self._faster else None

    async def _after(self, call: str) -> None:
        if self._left >= 0 or self._strike is None or not is_step(call):
            return
        trouble = self._strike.trouble
        if trouble is Trouble.LOST:
            self._strike = None
            raise _unavailable(call)
        if trouble is Trouble.KILLED:
            raise Killed


def _unavailable(call: str) -> RetryableError:
    error = StorageUnavailable if call.startswith("store.") else DatabaseUnavailable
    return error(f"No answer to {call}.", retry_after=1)


def folder(owner: str) -> str:
    """Where all objects of an owner are."""
    return f"uploads/{owner_folder(owner)}/"
