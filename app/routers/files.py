"""An owner's files: list, look, audit trail, download, delete."""

import unicodedata
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, status
from pydantic import AfterValidator

from app.domain.file import FileStatus
from app.exceptions.errors import (
    DatabaseUnavailable,
    NotFound,
    ObjectMissing,
    StorageUnavailable,
)
from app.routers.dependencies import GUARDED, GuardedRoute, Reader, Writer, get_container
from app.routers.middleware import note_file
from app.routers.paging import Cursor, PageLimit, TrailLimit
from app.routers.problem_openapi import problem_responses
from app.schemas.cursor import (
    decode_event_cursor,
    decode_file_cursor,
    encode_file_cursor,
)
from app.schemas.request.download_url_request import DownloadUrlRequest
from app.schemas.response.file_response import (
    DownloadUrlResponse,
    EventsResponse,
    FilePageResponse,
    FileResponse,
)
from app.service.file_storage import FileRef

Search = Annotated[
    str,
    # As in a file's name: see app/domain/filename.py.
    Query(
        min_length=1,
        max_length=255,
        pattern=r"^[^\x00-\x1f\x7f-\x9f/\\]+$",
        description="Only files with this in their name, in whatever case.",
    ),
    AfterValidator(lambda text: unicodedata.normalize("NFC", text)),
]

router = APIRouter(prefix="/files", tags=["files"], route_class=GuardedRoute)


@router.get(
    "",
    summary="List files, newest first",
    responses=problem_responses(*GUARDED, DatabaseUnavailable),
)
async def list_files(
    principal: Reader,
    request: Request,
    status: FileStatus | None = None,
    policy: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = None,
    q: Search | None = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> FilePageResponse:
    """The caller's own files. Follow `next_cursor` until it is null; each page costs the same.

    With `q` a page looks at the names of 5,000 files at most: it may hold few or none and still
    have a `next_cursor`.
    """
    container = get_container(request)
    files, before = container.files, decode_file_cursor(cursor)
    if q is None:
        page = await files.page(principal, status=status, policy=policy, before=before, limit=limit)
    else:
        page = await files.search(
            principal, q, status=status, policy=policy, before=before, limit=limit
        )
    now = container.clock()
    return FilePageResponse(
        items=[FileResponse.of(record, now) for record in page.items],
        next_cursor=encode_file_cursor(page.next_before),
    )


@router.get(
    "/{id}",
    summary="One file",
    responses=problem_responses(*GUARDED, NotFound, DatabaseUnavailable),
)
async def get_file(id: UUID, principal: Reader, request: Request) -> FileResponse:
    """The whole record: what was declared, what the store said, and when."""
    container = get_container(request)
    note_file(request.scope, id)
    record = await container.files.get(principal, FileRef(id=id))
    return FileResponse.of(record, container.clock())


@router.get(
    "/{id}/events",
    summary="A file's audit trail",
    responses=problem_responses(*GUARDED, NotFound, DatabaseUnavailable),
)
async def list_events(
    id: UUID,
    principal: Reader,
    request: Request,
    limit: TrailLimit = 1000,
    cursor: Cursor = None,
) -> EventsResponse:
    """Everything that happened to the file, oldest first."""
    note_file(request.scope, id)
    page = await get_container(request).files.events(
        principal, id, after=decode_event_cursor(cursor), limit=limit
    )
    return EventsResponse.of(page.items, page.next_after)


@router.post(
    "/{id}/download-url",
    summary="A URL to download a file",
    responses=problem_responses(*GUARDED, NotFound, ObjectMissing, DatabaseUnavailable),
)
async def create_download_url(
    id: UUID,
    principal: Reader,
    request: Request,
    body: Annotated[DownloadUrlRequest | None, Body()] = None,
) -> DownloadUrlResponse:
    """Only for files that are `uploaded`, `processing` or `completed`.

    The store answers with `Content-Disposition: attachment` and the original file name, or with
    `inline` when asked for and the type cannot run scripts.
    """
    wish = body or DownloadUrlRequest()
    note_file(request.scope, id)
    signed = await get_container(request).files.download_url(
        principal, id, expires_in=wish.expires_in, disposition=wish.disposition
    )
    return DownloadUrlResponse(url=signed.url, expires_at=signed.expires_at)


@router.delete(
    "/{id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a file",
    responses=problem_responses(*GUARDED, NotFound, StorageUnavailable, DatabaseUnavailable),
)
async def delete_file(id: UUID, principal: Writer, request: Request) -> None:
    """Removes the object from the store, then the record from every list. Again: 404."""
    note_file(request.scope, id)
    await get_container(request).files.delete(principal, id)
