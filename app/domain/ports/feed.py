"""What happens to files, as it happens."""

from typing import Protocol

from app.domain.change import Changes, Position, Whose


class ChangeFeed(Protocol):
    """Committed changes of files, by position. Raises `DatabaseUnavailable`."""

    async def head(self) -> Position:
        """A position after everything that can be read by now."""
        ...

    async def since(self, after: Position, *, limit: int, of: Whose | None = None) -> Changes:
        """The first `limit` changes after that: everybody's, or those `of` somebody alone.

        Of a file that is not that owner's there are none.
        """
        ...
