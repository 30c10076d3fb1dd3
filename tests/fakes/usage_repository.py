"""An in-memory twin of the usage repository, which counts the twin's records."""

from app.domain.usage import Limits, Standing, Usage
from tests.fakes.file_repository import InMemoryFileRepository


class InMemoryUsageRepository:
    """Of the owners in `files`; there is nothing to correct, for nothing is counted ahead."""

    def __init__(self, files: InMemoryFileRepository) -> None:
        self._files = files

    async def standing(self, owner: str) -> Standing:
        self._files.answer()
        return self._files.standing(owner)

    async def set_limits(self, owner: str, limits: Limits | None) -> None:
        self._files.answer()
        self._files.own_limits.pop(owner, None)
        if limits is not None:
            self._files.own_limits[owner] = limits

    async def owners(self, *, after: str = "", limit: int) -> list[str]:
        self._files.answer()
        known = {record.owner for record in self._files.records.values()}
        return sorted(owner for owner in known | set(self._files.own_limits) if owner > after)[
            :limit
        ]

    async def recount(self, owner: str) -> Usage:
        self._files.answer()
        return Usage()
