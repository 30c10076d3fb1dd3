"""The client's word that something happened, checked with the store."""

from fastapi import APIRouter, Request

from app.exceptions.errors import (
    DatabaseUnavailable,
    IllegalTransition,
    NotFound,
    ObjectMissing,
    SlipwayError,
    StorageUnavailable,
    VerificationFailed,
)
from app.routers.dependencies import GUARDED, GuardedRoute, Mover, get_container
from app.routers.middleware import note_file
from app.routers.problem_document import problem_of_item
from app.routers.problem_openapi import problem_responses
from app.schemas.request.update_file_status_request import (
    UpdateFileStatusesRequest,
    UpdateFileStatusRequest,
)
from app.schemas.response.file_response import FileResponse
from app.schemas.response.file_statuses_response import FileStatusesResponse, FileStatusResult
from app.service.file_storage import FileRef

router = APIRouter(tags=["upload"], route_class=GuardedRoute)


@router.put(
    "/file-status",
    summary="Report what happened to a file",
    responses=problem_responses(
        *GUARDED,
        NotFound,
        IllegalTransition,
        ObjectMissing,
        VerificationFailed,
        StorageUnavailable,
        DatabaseUnavailable,
    ),
)
async def update_file_status(
    body: UpdateFileStatusRequest, principal: Mover, request: Request
) -> FileResponse:
    """Moves the file to `status`. Before `uploaded` and `completed` the service asks the store.

    | from \\ to | uploaded | processing | completed | failed |
    |---|---|---|---|---|
    | pending | owner, verified | – | owner, verified | owner |
    | uploaded | 200, no change | `files:process` | owner, verified | owner |
    | processing | – | 200, no change | `files:process`, verified | `files:process` |
    | completed | – | – | 200, no change | – |
    | failed | – | – | – | 200, no change |

    *owner* needs the scope `files:write`. *Verified*: the object exists (else 409
    `object_missing`, nothing changes) and has the declared size, type and checksum (else 409
    `verification_failed`, the file is `failed` and the object removed). Any other move is 409
    `illegal_transition`.
    """
    container = get_container(request)
    record = await container.files.update_status(
        principal, FileRef(body.id, body.key), body.status, body.reason
    )
    note_file(request.scope, record.id)
    return FileResponse.of(record, container.clock())


@router.put(
    "/file-statuses",
    summary="Report what happened to up to 1,000 files",
    responses=problem_responses(*GUARDED, DatabaseUnavailable),
)
async def update_file_statuses(
    body: UpdateFileStatusesRequest, principal: Mover, request: Request
) -> FileStatusesResponse:
    """As many calls of `PUT /file-status` in one, which the rate limit counts as one.

    The answer holds one item for each, in order: `file`, or the `problem` that the single call
    would have answered with. One that fails stops no other, so look at each. What has
    `retry_after` (`storage_unavailable`, `database_unavailable`) passes by itself: report those
    again, alone or with others. Repeating all of it does no harm. While the store is down or slow
    the call ends early, and what it did not come to is among them.

    Pages may use it as well as servers: send the bytes of many files side by side, and report
    those that have arrived every second or so.
    """
    container = get_container(request)
    outcomes = await container.status_reports.update_all(
        principal, [item.to_service() for item in body.items]
    )
    now = container.clock()
    results = [
        FileStatusResult.of_problem(item.id, problem_of_item(outcome))
        if isinstance(outcome, SlipwayError)
        else FileStatusResult.of_file(outcome, now)
        for item, outcome in zip(body.items, outcomes, strict=True)
    ]
    return FileStatusesResponse(items=results)
