"""The parts of a large file: URLs, what has arrived, the end."""

from collections.abc import AsyncIterator, Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request
from fastapi.responses import StreamingResponse

from app.exceptions.errors import (
    DatabaseUnavailable,
    FileTooLarge,
    IllegalTransition,
    NotFound,
    PartsIncomplete,
    StorageUnavailable,
    UploadExpired,
    VerificationFailed,
)
from app.routers.dependencies import GUARDED, GuardedRoute, Reader, Writer, get_container
from app.routers.middleware import note_file
from app.routers.problem_openapi import problem_responses
from app.schemas.request.parts_request import CompleteRequest, PartUrlsRequest
from app.schemas.response.file_response import FileResponse
from app.schemas.response.parts_response import (
    HeldPartsResponse,
    PartUrlsResponse,
    held_parts_json,
    part_urls_json,
)

router = APIRouter(prefix="/files", tags=["multipart"], route_class=GuardedRoute)

_COMMON = (*GUARDED, NotFound, StorageUnavailable, DatabaseUnavailable)


@router.post(
    "/{id}/parts",
    summary="URLs for parts",
    response_model=PartUrlsResponse,
    responses=problem_responses(*_COMMON, UploadExpired),
)
async def create_part_urls(
    id: UUID, body: PartUrlsRequest, principal: Writer, request: Request
) -> StreamingResponse:
    """A presigned PUT for each part, 1 to 10,000 at once. Ask again when they have expired.

    Send exactly `size` bytes to each `url`, in any order, several at a time; a part that is sent
    again replaces the earlier one. Asking is a sign of life: an upload ends 7 days after the last.
    """
    note_file(request.scope, id)
    issued = await get_container(request).part_urls.sign_parts(
        principal, id, body.part_numbers, body.expires_in
    )
    return _streamed(part_urls_json(issued))


@router.get(
    "/{id}/parts",
    summary="Which parts have arrived",
    response_model=HeldPartsResponse,
    responses=problem_responses(*_COMMON, UploadExpired),
)
async def list_parts(id: UUID, principal: Reader, request: Request) -> StreamingResponse:
    """As the store lists them. To go on after a break, send the parts named by `missing`."""
    note_file(request.scope, id)
    held = await get_container(request).multipart.held_parts(principal, id)
    return _streamed(held_parts_json(held))


@router.post(
    "/{id}/complete",
    summary="Put the parts together",
    responses=problem_responses(
        *_COMMON,
        FileTooLarge,
        PartsIncomplete,
        UploadExpired,
        IllegalTransition,
        VerificationFailed,
    ),
)
async def complete_upload(
    id: UUID,
    principal: Writer,
    request: Request,
    body: Annotated[CompleteRequest | None, Body()] = None,
) -> FileResponse:
    """Has the store make one object of the parts, verifies it, and moves the file to `uploaded`,
    or under a policy with `auto_complete` to `completed`.

    The body may be left out: the service asks the store for the parts, so a browser needs no
    exposed `ETag`. With missing or wrongly sized parts the answer is 409 `parts_incomplete` with
    their ranges, and the upload goes on. Repeat it freely: after success it is a 200 again.
    """
    container = get_container(request)
    note_file(request.scope, id)
    record = await container.multipart.complete(principal, id, body.to_domain() if body else None)
    return FileResponse.of(record, container.clock())


@router.post(
    "/{id}/abort",
    summary="Give up an upload in parts",
    responses=problem_responses(*_COMMON, IllegalTransition),
)
async def abort_upload(id: UUID, principal: Writer, request: Request) -> FileResponse:
    """Moves the file to `failed` and removes its parts from the store. Again: 200.

    When the store does not answer just then (500), the file has failed all the same, and the
    service goes on with the removal by itself.
    """
    container = get_container(request)
    note_file(request.scope, id)
    record = await container.multipart.abort(principal, id)
    return FileResponse.of(record, container.clock())


def _streamed(pieces: Iterable[bytes]) -> StreamingResponse:
    async def each() -> AsyncIterator[bytes]:
        # Not as a plain iterator: Starlette would ask a thread for every piece.
        for piece in pieces:
            yield piece

    return StreamingResponse(each(), media_type="application/json")
