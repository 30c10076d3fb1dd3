"""Moving a file that others move at the same time."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.domain.file import FileRecord
from app.exceptions.errors import DatabaseUnavailable

T = TypeVar("T")

ATTEMPTS = 10
"""More than a file has moves left; the rest is for renewals of its URLs that come in between."""


async def until_settled(
    find: Callable[[], Awaitable[FileRecord]],
    attempt: Callable[[FileRecord], Awaitable[T | None]],
    known: FileRecord | None = None,
) -> T:
    """What `attempt` makes of the file as `find` sees it, tried again while it returns None.

    None means that the file changed in the meantime. `known`, the file as it was a moment ago,
    spares the first look. Raises `DatabaseUnavailable` when that does not end.
    """
    for _ in range(ATTEMPTS):
        settled = await attempt(known or await find())
        if settled is not None:
            return settled
        known = None
    raise DatabaseUnavailable("The file kept changing under this request; try again.")
