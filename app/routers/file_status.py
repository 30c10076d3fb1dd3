"""The client's word that something happened, checked with the store."""

from fastapi import APIRouter, Request

from app.exceptions.errors import (
    DatabaseUnavailable,
    IllegalTransition,
    NotFound,
    ObjectMissing,
    StorageUnavailable,
    VerificationFailed,
)
from app.routers.dependencies import GUARDED, GuardedRoute, Mover, get_container
from app.routers.middleware import note_file
from app.routers.problem_openapi import problem_responses
from app.schemas.request.update_file_status_request import UpdateFileStatusRequest
from app.schemas.response.file_response import FileResponse
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
