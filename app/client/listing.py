"""Files of a service: those that are named, and all, page by page."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from app.client.answers import File
from app.client.api import Api
from app.client.errors import ClientError, ends_everything

PAGE = 200
"""What GET /files gives at once."""


def pages(
    api: Api, *, status: str | None = None, policy: str | None = None, limit: int | None = None
) -> Iterator[Sequence[File]]:
    """The newest files first, `limit` of them or all; each page when it is wanted. Raises as `Api`.

    A file that comes meanwhile is not among them, and none is there twice.
    """
    cursor, left = None, limit
    while left is None or left > 0:
        size = PAGE if left is None else min(left, PAGE)
        page = api.page(status=status, policy=policy, limit=size, cursor=cursor)
        yield page.items
        left = None if left is None else left - len(page.items)
        if (cursor := page.next_cursor) is None:
            return


def look_up(api: Api, ids: Iterable[UUID]) -> list[tuple[str, File | ClientError]]:
    """Each id once, with its record or what was said of it. Raises what ends everything."""
    return [(each, _look(api, each)) for each in dict.fromkeys(map(str, ids))]


def _look(api: Api, id: str) -> File | ClientError:
    try:
        return api.file(id)
    except ClientError as error:
        if ends_everything(error):
            raise
        return error
