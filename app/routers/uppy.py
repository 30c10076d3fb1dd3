"""Companion's S3 routes, so that pages with Uppy change one URL: see docs/uppy.md.

Each is there twice: for a bearer token, and with an upload token in its path. Nothing is declared
as a parameter, because FastAPI would answer for it before Companion's words could be found.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request

from app.exceptions.errors import (
    DatabaseUnavailable,
    FileTooLarge,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    PartsIncomplete,
    QuotaExceeded,
    StorageUnavailable,
    TypeNotAllowed,
    UploadExpired,
    VerificationFailed,
)
from app.routers.dependencies import GUARDED, get_container
from app.routers.middleware import note_file
from app.routers.uppy_guard import Grant, GrantForParts, UppyRoute
from app.routers.uppy_openapi import (
    FILE_IN_QUERY,
    FILE_SCHEMA,
    KEY,
    PARTS_SCHEMA,
    THE_UPLOAD,
    UPLOAD,
    body,
    parameter,
    uppy_responses,
)
from app.schemas.request.uppy_request import (
    file_in_body,
    file_in_query,
    named,
    part_number,
    part_numbers,
    parts_in_body,
)
from app.schemas.response.uppy_response import (
    UppyAbortedResponse,
    UppyCompletedResponse,
    UppyParamsResponse,
    UppyPartsResponse,
    UppyPartUrlResponse,
    UppyPartUrlsResponse,
    UppyUploadResponse,
)
from app.service.uppy import Named

router = APIRouter(prefix="/uppy", tags=["Uppy"], route_class=UppyRoute)

_MOUNTS = {"/s3": True, "/t/{upload_token}/s3": False}
"""And whether it is in the manual: the second ones differ by their path alone."""

_COMMON = (*GUARDED, StorageUnavailable, DatabaseUnavailable)
_CREATION = uppy_responses(*_COMMON, FileTooLarge, QuotaExceeded, TypeNotAllowed)
_OF_AN_UPLOAD = (*_COMMON, NotFound)

F = TypeVar("F", bound=Callable[..., Any])


def _wire(method: str, path: str, **options: Any) -> Callable[[F], F]:
    """Registers a route at every mount."""

    def register(function: F) -> F:
        for mount, shown in _MOUNTS.items():
            router.add_api_route(
                mount + path,
                function,
                methods=[method],
                **{"include_in_schema": shown, **options},
            )
        return function

    return register


def _named(request: Request) -> Named:
    found = named(request.path_params["uploadId"], request.query_params)
    note_file(request.scope, found.upload_id)
    return found


@_wire(
    "GET",
    "/params",
    summary="Send a small file",
    responses=_CREATION,
    openapi_extra=FILE_IN_QUERY,
)
async def get_params(request: Request, grant: Grant) -> UppyParamsResponse:
    """Records the file, and answers with the form that uploads it. The file is looked for from now
    on, and is `uploaded` some seconds after it has arrived, for Uppy does not say so.
    """
    container = get_container(request)
    upload = await container.uppy.single(grant, file_in_query(request.query_params))
    note_file(request.scope, upload.record.id)
    return UppyParamsResponse.of(upload, container.clock())


@_wire(
    "POST",
    "/multipart",
    summary="Begin a file in parts",
    responses=_CREATION,
    openapi_extra={"requestBody": body(FILE_SCHEMA)},
)
async def begin_multipart(request: Request, grant: Grant) -> UppyUploadResponse:
    """The parts are Uppy's to cut: 5 MiB or more each, but the last; 10,000 at most."""
    container = get_container(request)
    record = await container.uppy.begin(grant, file_in_body(await request.body()))
    note_file(request.scope, record.id)
    return UppyUploadResponse(key=record.key, uploadId=str(record.id), bucket=container.uppy.bucket)


@_wire(
    "GET",
    "/multipart/{uploadId}",
    summary="The parts that have arrived",
    responses=uppy_responses(*_OF_AN_UPLOAD, UploadExpired),
    openapi_extra=THE_UPLOAD,
)
async def list_uppy_parts(request: Request, grant: Grant) -> UppyPartsResponse:
    """As the store lists them, all at once. Of a file that is finished, parts that stand for all it
    had: a client that missed the answer then finishes it again, and hears of it.
    """
    return UppyPartsResponse.of(await get_container(request).uppy.parts(grant, _named(request)))


@_wire(
    "POST",
    "/multipart/{uploadId}/complete",
    summary="Finish a file in parts",
    responses=uppy_responses(
        *_OF_AN_UPLOAD,
        FileTooLarge,
        PartsIncomplete,
        UploadExpired,
        IllegalTransition,
        VerificationFailed,
    ),
    openapi_extra={**THE_UPLOAD, "requestBody": body(PARTS_SCHEMA)},
)
async def complete_uppy_upload(request: Request, grant: Grant) -> UppyCompletedResponse:
    """The file is `uploaded`, verified, or under a policy with `auto_complete` `completed`. With
    parts that do not make it up: 409, and the upload goes on. Again: 200.
    """
    uppy = get_container(request).uppy
    claimed = parts_in_body(await request.body())
    record, location = await uppy.complete(grant, _named(request), claimed)
    return UppyCompletedResponse(location=location, key=record.key, bucket=uppy.bucket)


@_wire(
    "GET",
    "/multipart/{uploadId}/batch",
    summary="URLs for several parts",
    responses=uppy_responses(*_OF_AN_UPLOAD, UploadExpired),
    openapi_extra={
        "parameters": [
            UPLOAD,
            KEY,
            parameter("query", "partNumbers", "Such as `1,2,3`.", minLength=1),
        ]
    },
)
async def sign_uppy_parts(request: Request, grant: Grant) -> UppyPartUrlsResponse:
    """For each part number a URL."""
    container = get_container(request)
    numbers = part_numbers(request.query_params)
    issued = await container.uppy.sign(grant, _named(request), numbers)
    return UppyPartUrlsResponse.of(issued, container.clock())


@_wire(
    "GET",
    "/multipart/{uploadId}/{partNumber}",
    summary="A URL for one part",
    responses=uppy_responses(*_OF_AN_UPLOAD, UploadExpired),
    openapi_extra={
        "parameters": [UPLOAD, parameter("path", "partNumber", "1 to 10,000.", minLength=1), KEY]
    },
)
async def sign_uppy_part(request: Request, grant: GrantForParts) -> UppyPartUrlResponse:
    """A part that is sent again replaces the earlier one."""
    container = get_container(request)
    numbers = [part_number(request.path_params["partNumber"])]
    issued = await container.uppy.sign(grant, _named(request), numbers)
    return UppyPartUrlResponse.of(issued, container.clock())


@_wire(
    "DELETE",
    "/multipart/{uploadId}",
    summary="Cancel a file in parts",
    responses=uppy_responses(*_OF_AN_UPLOAD, IllegalTransition),
    openapi_extra=THE_UPLOAD,
)
async def abort_uppy_upload(request: Request, grant: Grant) -> UppyAbortedResponse:
    """The file has `failed`, and its parts are gone from the store. Again: 200."""
    await get_container(request).uppy.abort(grant, _named(request))
    return UppyAbortedResponse()


@_wire("GET", "/sts", include_in_schema=False, response_model=None)
async def get_credentials(grant: Grant) -> None:
    """Credentials would let a page write more than was asked for."""
    raise InvalidRequest("This Companion server does not support STS credentials")
