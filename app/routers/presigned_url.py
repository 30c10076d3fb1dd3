"""Permission to upload one file, or up to 1,000 at once."""

from fastapi import APIRouter, Request, Response, status

from app.exceptions.errors import (
    DatabaseUnavailable,
    FileTooLarge,
    IdempotencyConflict,
    QuotaExceeded,
    StorageUnavailable,
    TypeNotAllowed,
    UploadExpired,
)
from app.routers.dependencies import (
    GUARDED,
    IDEMPOTENCY_KEY_PARAMETER,
    GuardedRoute,
    Writer,
    get_container,
    idempotency_key,
)
from app.routers.middleware import note_file
from app.routers.problem_openapi import problem_responses
from app.schemas.request.presigned_url_request import PresignedUrlRequest, PresignedUrlsRequest
from app.schemas.response.file_response import FileResponse, UploadsResponse

router = APIRouter(tags=["upload"], route_class=GuardedRoute)

_EXTRA = {"parameters": [IDEMPOTENCY_KEY_PARAMETER]}
_REPEATED = "Repeated Idempotency-Key"
_RESPONSES = problem_responses(
    *GUARDED,
    FileTooLarge,
    QuotaExceeded,
    TypeNotAllowed,
    IdempotencyConflict,
    UploadExpired,
    StorageUnavailable,
    DatabaseUnavailable,
)


@router.post(
    "/presigned-url",
    status_code=status.HTTP_201_CREATED,
    summary="Ask to upload a file",
    responses={200: {"model": FileResponse, "description": _REPEATED}, **_RESPONSES},
    openapi_extra=_EXTRA,
)
async def create_presigned_url(
    body: PresignedUrlRequest,
    principal: Writer,
    request: Request,
    response: Response,
) -> FileResponse:
    """Records the file and answers with a request that uploads exactly these bytes to the store.

    Send the bytes to `url`: with `PUT`, add `headers`; with `POST`, send `fields` and then the
    file as `multipart/form-data`. The store refuses another size, type, key or checksum, and with
    `If-None-Match` a second write. Then report it with `PUT /file-status`.

    With `multipart` send each of `multipart.parts` to its `url`, ask `POST /files/{id}/parts` for
    more, and end with `POST /files/{id}/complete`.
    """
    container = get_container(request)
    upload = await container.presigned_urls.create(
        principal, body.to_domain(), idempotency_key(request)
    )
    note_file(request.scope, upload.record.id)
    if not upload.created:
        response.status_code = status.HTTP_200_OK
    return FileResponse.of(upload.record, container.clock(), upload.signed, upload.parts)


@router.post(
    "/presigned-urls",
    status_code=status.HTTP_201_CREATED,
    summary="Ask to upload up to 1,000 files",
    responses={200: {"model": UploadsResponse, "description": _REPEATED}, **_RESPONSES},
    openapi_extra=_EXTRA,
)
async def create_presigned_urls(
    body: PresignedUrlsRequest,
    principal: Writer,
    request: Request,
    response: Response,
) -> UploadsResponse:
    """All or nothing: one file that breaks a rule refuses the batch, and the error names it."""
    container = get_container(request)
    uploads = await container.presigned_urls.create_many(
        principal, [file.to_domain() for file in body.files], idempotency_key(request)
    )
    if not all(upload.created for upload in uploads):
        response.status_code = status.HTTP_200_OK
    now = container.clock()
    return UploadsResponse(
        items=[FileResponse.of(u.record, now, u.signed, u.parts) for u in uploads]
    )
