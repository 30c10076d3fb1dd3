"""Everybody's webhooks, and what became of the telling."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, status

from app.domain.page import cut
from app.exceptions.errors import DatabaseUnavailable, NotFound, WebhookDisabled
from app.routers.dependencies import GUARDED, Administrator, GuardedRoute, get_container
from app.routers.paging import Cursor, PageLimit
from app.routers.problem_openapi import problem_responses
from app.routers.webhooks import DeliveryId
from app.schemas.cursor import (
    decode_event_cursor,
    decode_file_cursor,
    encode_file_cursor,
)
from app.schemas.response.admin.webhooks_response import (
    AdminWebhookResponse,
    AdminWebhooksResponse,
)
from app.schemas.response.webhook_response import DeliveriesResponse, DeliveryResponse

router = APIRouter(prefix="/admin/webhooks", tags=["administration"], route_class=GuardedRoute)

_COMMON = (*GUARDED, DatabaseUnavailable)


@router.get("", summary="Everybody's webhooks", responses=problem_responses(*_COMMON))
async def list_everybodys_webhooks(
    admin: Administrator,
    request: Request,
    troubled: Annotated[bool, Query(description="Only those that are disabled or fail.")] = False,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> AdminWebhooksResponse:
    """Oldest first, with how their endpoints do, but neither secret nor address. Follow
    `next_cursor` until it is null.
    """
    oversight, after = get_container(request).webhook_oversight, decode_file_cursor(cursor)
    found = await oversight.page(troubled=troubled, after=after, limit=limit + 1)
    items, last = cut(found, limit, lambda health: health.webhook.id)
    return AdminWebhooksResponse(
        items=[AdminWebhookResponse.of(health) for health in items],
        next_cursor=encode_file_cursor(last),
    )


@router.get(
    "/{id}/deliveries",
    summary="What was sent to anybody's webhook",
    responses=problem_responses(*_COMMON, NotFound),
)
async def list_anybodys_deliveries(
    id: UUID,
    admin: Administrator,
    request: Request,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> DeliveriesResponse:
    """Newest first, those of the last 30 days. Follow `next_cursor` until it is null."""
    before = None if cursor is None else decode_event_cursor(cursor)
    page = await get_container(request).webhooks.deliveries(
        admin, id, before=before, limit=limit, anybodys=True
    )
    return DeliveriesResponse.of(page.items, page.next_before)


@router.post(
    "/{id}/deliveries/{delivery}/replay",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Send it again to anybody's webhook",
    responses=problem_responses(*_COMMON, NotFound, WebhookDisabled),
)
async def replay_anybodys_delivery(
    id: UUID, delivery: DeliveryId, admin: Administrator, request: Request
) -> DeliveryResponse:
    """Now, with the same `webhook-id` and body, and from its first attempt on."""
    message_id = UUID(delivery.removeprefix("msg_"))
    webhooks = get_container(request).webhooks
    return DeliveryResponse.of(await webhooks.replay(admin, id, message_id, anybodys=True))
