"""Where the store tells by itself what happened to its objects."""

import base64
import hmac
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer
from pydantic import SecretStr

from app.exceptions.errors import (
    EventsPostponed,
    Forbidden,
    HeadersTooLarge,
    InternalError,
    InvalidRequest,
    NotFound,
    RateLimited,
    RequestTooLarge,
    Unauthorized,
)
from app.infrastructure.events.sns import CONFIRMATION, NOTIFICATION, is_sns
from app.routers.dependencies import caller_address, get_container
from app.routers.problem_openapi import problem_responses
from app.schemas.request.storage_events_request import SCHEMA
from app.schemas.response.storage_events_response import StorageEventsResponse
from app.service.storage_events import read_json

router = APIRouter(tags=["storage events"])
log = structlog.get_logger(__name__)

MAX_SNS_BYTES = 512 * 1024
"""Of a stranger's body, before its signature is looked at; SNS sends 256 KiB at most."""

_NOT_SET_UP = (
    "Bucket events are not set up here: the operator sets STORAGE_EVENTS_SECRET or "
    "STORAGE_EVENTS_TOPICS."
)
_WHO = "Send STORAGE_EVENTS_SECRET as a bearer token or as a password."


class Sender(HTTPBearer):
    """A dependency that tells whether the caller knows STORAGE_EVENTS_SECRET.

    Who does not may only be SNS, whose messages are signed. Raises `NotFound` where neither is
    configured, `Unauthorized`, and `RateLimited` for those who try too often.
    """

    def __init__(self) -> None:
        super().__init__(
            scheme_name="storage_events",
            description="STORAGE_EVENTS_SECRET, or as the password of HTTP Basic. Messages of "
            "the SNS topics among STORAGE_EVENTS_TOPICS need none: they are signed.",
        )

    async def __call__(self, request: Request) -> bool:  # type: ignore[override]
        container = get_container(request)
        secret: SecretStr | None = container.events_secret
        if secret is None and not container.sns.any:
            raise NotFound(_NOT_SET_UP)
        if "authorization" not in request.headers:
            if container.sns.any and "x-amz-sns-message-type" in request.headers:
                return False
            await refuse(request, _WHO)
        given = _given(request.headers["authorization"])
        expected = secret.get_secret_value() if secret else ""
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            await refuse(request, _WHO)
        return True


async def refuse(request: Request, detail: str) -> None:
    """Raise `Unauthorized`, or `RateLimited` for the address that tries too often."""
    await get_container(request).limiter.check(f"address:{caller_address(request)}")
    raise Unauthorized(detail)


@router.post(
    "/storage-events",
    summary="Events of the bucket",
    responses=problem_responses(
        InvalidRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        RequestTooLarge,
        HeadersTooLarge,
        RateLimited,
        EventsPostponed,
        InternalError,
    ),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": SCHEMA}}}
    },
)
async def take_storage_events(
    request: Request, is_known: Annotated[bool, Depends(Sender())]
) -> StorageEventsResponse:
    """For the store, not for clients: each object that was created is looked at, and its file is
    `uploaded` (`completed` under `auto_complete`) if it is the declared one.

    Up to 1,000 events in a body; each may come twice, late, out of order, or be about objects of
    others. 503 asks for the whole body again.
    """
    document = read_json(await _body(request, is_known))
    if is_sns(document):
        if not await _is_notification(request, document, is_known):
            return StorageEventsResponse(outcomes={})
    elif not is_known:
        await refuse(request, _WHO)
    outcomes = await get_container(request).storage_events.receive(document)
    return StorageEventsResponse(outcomes=dict(outcomes))


async def _body(request: Request, is_known: bool) -> bytes:
    body = await request.body()
    if not is_known and len(body) > MAX_SNS_BYTES:
        raise RequestTooLarge(f"A message of SNS may have up to {MAX_SNS_BYTES} bytes.")
    return body


async def _is_notification(request: Request, message: Any, is_known: bool) -> bool:
    """Whether there are events in a message of SNS; what it asks for otherwise is done.

    Who knows the secret needs no signature, except to have an address visited.
    """
    sns, kind = get_container(request).sns, message["Type"]
    if not is_known or kind != NOTIFICATION:
        try:
            await sns.verify(message)
        except Unauthorized as error:
            await refuse(request, error.detail)
    if kind == CONFIRMATION:
        await sns.confirm(message)
    elif kind != NOTIFICATION:
        log.warning("sns_unsubscribed", topic=message["TopicArn"])
    return bool(kind == NOTIFICATION)


def _given(header: str) -> str:
    """The secret in an Authorization header, `""` when there is none.

    Basic is for those who can only put a password into the URL: SNS, and Ceph.
    """
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    try:
        plain = base64.b64decode(credentials, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        return ""
    return plain.decode(errors="replace").partition(":")[2]
