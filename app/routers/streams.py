"""What becomes of an owner's files, told as it happens."""

import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from starlette.routing import Match
from starlette.types import Scope

from app.domain.change import Position
from app.domain.principal import Principal
from app.exceptions.errors import DatabaseUnavailable, NotFound, TooManyStreams
from app.routers.dependencies import GUARDED, GuardedRoute, Reader, get_container
from app.routers.event_stream import EventStream
from app.routers.middleware import note_file
from app.routers.problem_openapi import problem_responses
from app.schemas.response.stream_event import EXAMPLE, MEDIA_TYPE, SCHEMA, parse_position
from app.service.live_stream import Stream


class OwnPathRoute(GuardedRoute):
    """Takes its path whatever the method: `DELETE /files/stream` is not about a file `stream`."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        return (match if match is Match.NONE else Match.FULL), child_scope


router = APIRouter(prefix="/files", tags=["files"], route_class=OwnPathRoute)

_LAST = "The `id` of the last event that was read: everything after it is told."
LastEventHeader = Annotated[str | None, Header(alias="Last-Event-ID", description=_LAST)]
LastEventQuery = Annotated[
    str | None, Query(max_length=64, description=f"{_LAST} The header counts before it.")
]
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events, for as long as the connection and the token last",
        "content": {MEDIA_TYPE: {"schema": SCHEMA, "example": EXAMPLE}},
    }
}
_OVER: dict[int | str, dict[str, Any]] = {204: {"description": "Everything has been told"}}


@router.get(
    "/stream",
    summary="Follow all files",
    status_code=200,
    response_class=EventStream,
    responses=_EVENTS | problem_responses(*GUARDED, TooManyStreams, DatabaseUnavailable),
)
async def follow_files(
    principal: Reader,
    request: Request,
    last_event: LastEventHeader = None,
    last_event_id: LastEventQuery = None,
) -> EventStream:
    """Every change of status of the caller's files, as an event `file`.

    It begins with `ready`: load the list of files then, and nothing is missed. After a
    `Last-Event-ID` it begins with what happened since; where too much has, with `reset` instead,
    which asks to load the list again.
    """
    live = get_container(request).live
    return _answer(principal, await live.open_all(principal, _last(last_event, last_event_id)))


@router.get(
    "/{id}/stream",
    summary="Follow one file",
    status_code=200,
    response_class=EventStream,
    responses=_EVENTS
    | _OVER
    | problem_responses(*GUARDED, NotFound, TooManyStreams, DatabaseUnavailable),
)
async def follow_file(
    id: UUID,
    principal: Reader,
    request: Request,
    last_event: LastEventHeader = None,
    last_event_id: LastEventQuery = None,
) -> EventStream:
    """The file as it is, as an event `file`, then each change of its status.

    It ends after `completed`, `failed` or `deleted`. After a `Last-Event-ID` it begins with what
    happened since.
    """
    note_file(request.scope, id)
    live = get_container(request).live
    last = _last(last_event, last_event_id)
    return _answer(principal, await live.open_file(principal, id, last))


def _last(header: str | None, query: str | None) -> Position | None:
    return parse_position(header or query)


def _answer(principal: Principal, stream: Stream | None) -> EventStream:
    return EventStream(stream, lifetime=principal.expires_at - time.time())
