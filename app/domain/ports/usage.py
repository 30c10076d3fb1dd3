"""What owners hold."""

from typing import Protocol

from app.domain.usage import Limits, Standing, Usage


class UsageRepository(Protocol):
    """What each owner holds and may hold; the files' repository counts it with every change.

    Every method raises `DatabaseUnavailable` when PostgreSQL does not answer.
    """

    async def standing(self, owner: str) -> Standing:
        """The usage of an owner and the limits that count for them."""
        ...

    async def set_limits(self, owner: str, limits: Limits | None) -> None:
        """Give an owner limits of their own, or with None the default ones again."""
        ...

    async def owners(self, *, after: str = "", limit: int) -> list[str]:
        """Up to `limit` owners who hold or held something, each greater than `after`, in order."""
        ...

    async def recount(self, owner: str) -> Usage:
        """Make the counters what the owner's records say; returns what had to be added.

        Exact however many files come and go meanwhile.
        """
        ...
