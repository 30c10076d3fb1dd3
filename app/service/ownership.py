"""The only way from a caller to a file."""

from uuid import UUID

from app.domain.file import FileRecord
from app.domain.ports import FileRepository
from app.exceptions.errors import NotFound


async def owned(
    repository: FileRepository,
    owner: str,
    *,
    id: UUID | None = None,
    key: str | None = None,
) -> FileRecord:
    """The owner's file with that id or key, else `NotFound`, whoever else's it may be."""
    record = await repository.find(owner, id=id, key=key)
    if record is None:
        raise not_found()
    return record


def not_found() -> NotFound:
    """The same for a file of somebody else's as for one that does not exist."""
    return NotFound("There is no such file, or it is not yours.")
