"""Webhooks: where changes of files are told, and what became of the telling."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, status

from app.domain.principal import Principal, Scope
from app.exceptions.errors import DatabaseUnavailable, NotFound, QuotaExceeded, WebhookDisabled
from app.routers.dependencies import GUARDED, Authenticated, GuardedRoute, get_container
from app.routers.paging import Cursor, PageLimit
from app.routers.problem_openapi import problem_responses
from app.schemas.cursor import decode_event_cursor
from app.schemas.request.webhook_request import ChangeWebhookRequest, CreateWebhookRequest
from app.schemas.response.webhook_response import (
    DeliveriesResponse,
    DeliveryResponse,
    SecretResponse,
    WebhookResponse,
    WebhooksResponse,
)

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=GuardedRoute)

_COMMON = (*GUARDED, DatabaseUnavailable)

Keeper = Annotated[Principal, Depends(Authenticated(Scope.WRITE, Scope.ADMIN))]

DeliveryId = Annotated[
    str,
    Path(pattern=r"^msg_[0-9a-f]{32}$", description="The header `webhook-id` of what was sent."),
]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Be told of changes",
    responses=problem_responses(*_COMMON, QuotaExceeded),
)
async def create_webhook(
    body: CreateWebhookRequest, principal: Keeper, request: Request
) -> SecretResponse:
    """From now on each change is sent to `url`, signed with `secret`, which is shown this once.

    How to verify what arrives: docs/webhooks.md. Up to 10 of each owner; those that are
    `service_wide` need the scope `admin`, all others `files:write`.
    """
    webhook = await get_container(request).webhooks.create(
        principal, url=body.url, events=body.choice(), service_wide=body.service_wide
    )
    return SecretResponse.of(webhook)


@router.get("", summary="Your webhooks", responses=problem_responses(*_COMMON))
async def list_webhooks(principal: Keeper, request: Request) -> WebhooksResponse:
    """Oldest first; with the scope `admin` also those that are service-wide."""
    found = await get_container(request).webhooks.all(principal)
    return WebhooksResponse(items=[WebhookResponse.of(webhook) for webhook in found])


@router.get("/{id}", summary="One webhook", responses=problem_responses(*_COMMON, NotFound))
async def get_webhook(id: UUID, principal: Keeper, request: Request) -> WebhookResponse:
    """Whether it is enabled, and how its endpoint does."""
    return WebhookResponse.of(await get_container(request).webhooks.get(principal, id))


@router.patch("/{id}", summary="Change a webhook", responses=problem_responses(*_COMMON, NotFound))
async def change_webhook(
    id: UUID, body: ChangeWebhookRequest, principal: Keeper, request: Request
) -> WebhookResponse:
    """`{"enabled": true}` revives one that was disabled because its endpoint kept failing.

    What happened while it was disabled is not sent by itself.
    """
    webhooks = get_container(request).webhooks
    return WebhookResponse.of(await webhooks.change(principal, id, body.to_domain()))


@router.delete(
    "/{id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Be told no more",
    responses=problem_responses(*_COMMON, NotFound),
)
async def delete_webhook(id: UUID, principal: Keeper, request: Request) -> None:
    """What is on its way is not sent. Again: 404."""
    await get_container(request).webhooks.remove(principal, id)


@router.post(
    "/{id}/rotate-secret",
    summary="A new secret",
    responses=problem_responses(*_COMMON, NotFound),
)
async def rotate_secret(id: UUID, principal: Keeper, request: Request) -> SecretResponse:
    """For 24 hours both secrets sign, so that receivers can change over at any time between.

    Rotating again ends the overlap with the secret before.
    """
    return SecretResponse.of(await get_container(request).webhooks.rotate_secret(principal, id))


@router.post(
    "/{id}/test",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Send a test",
    responses=problem_responses(*_COMMON, NotFound, WebhookDisabled),
)
async def test_webhook(id: UUID, principal: Keeper, request: Request) -> DeliveryResponse:
    """A `webhook.test` with empty `data`. Its delivery says what became of it."""
    return DeliveryResponse.of(await get_container(request).webhooks.test(principal, id))


@router.get(
    "/{id}/deliveries",
    summary="What was sent",
    responses=problem_responses(*_COMMON, NotFound),
)
async def list_deliveries(
    id: UUID,
    principal: Keeper,
    request: Request,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> DeliveriesResponse:
    """Newest first, those of the last 30 days. Follow `next_cursor` until it is null."""
    before = None if cursor is None else decode_event_cursor(cursor)
    page = await get_container(request).webhooks.deliveries(
        principal, id, before=before, limit=limit
    )
    return DeliveriesResponse.of(page.items, page.next_before)


@router.post(
    "/{id}/deliveries/{delivery}/replay",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Send it again",
    responses=problem_responses(*_COMMON, NotFound, WebhookDisabled),
)
async def replay_delivery(
    id: UUID, delivery: DeliveryId, principal: Keeper, request: Request
) -> DeliveryResponse:
    """Now, with the same `webhook-id` and body, and from its first attempt on. Receivers that
    drop what they have seen before will drop it.
    """
    message_id = UUID(delivery.removeprefix("msg_"))
    sent = await get_container(request).webhooks.replay(principal, id, message_id)
    return DeliveryResponse.of(sent)
