"""Webhooks as their owners and the administrators keep them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.domain.page import cut
from app.domain.principal import Principal, Scope
from app.domain.webhook import (
    MAX_WEBHOOKS,
    PAUSED,
    Delivery,
    Webhook,
    disabled,
    enabled,
    redirected,
    rotated,
)
from app.domain.webhook_address import AddressRule
from app.domain.webhook_ports import WebhookRepository
from app.exceptions.errors import (
    DatabaseUnavailable,
    NotFound,
    QuotaExceeded,
    WebhookDisabled,
)

ATTEMPTS = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookWish:
    """What a caller wants changed; None leaves it as it is.

    `events` is a tuple of the choice: None in it is all of them.
    """

    url: str | None = None
    events: tuple[frozenset[str] | None] | None = None
    is_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One page of deliveries; `next_before` continues it, None at the end."""

    items: Sequence[Delivery]
    next_before: int | None


class WebhookService:
    """An owner's webhooks need `files:write`, the service-wide ones `admin`.

    All others are not found, but for what is asked about `anybodys`, which needs `admin`. Every
    change, and every replay, leaves a line in the log that names who made it.
    """

    def __init__(
        self,
        *,
        repository: WebhookRepository,
        rule: AddressRule,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        new_secret: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._rule = rule
        self._clock = clock
        self._new_id = new_id
        self._new_secret = new_secret

    async def create(
        self,
        principal: Principal,
        *,
        url: str,
        events: frozenset[str] | None,
        service_wide: bool = False,
    ) -> Webhook:
        """Raises `Forbidden`, `InvalidRequest` and `QuotaExceeded`."""
        principal.require_any([Scope.ADMIN if service_wide else Scope.WRITE])
        self._rule.check(url)
        now = self._clock()
        webhook = Webhook(
            id=self._new_id(),
            owner=None if service_wide else principal.subject,
            url=url,
            secret=self._new_secret(),
            events=events,
            created_at=now,
            updated_at=now,
        )
        if not await self._repository.add(webhook, most=MAX_WEBHOOKS):
            raise _too_many()
        return self._told("created", principal, webhook)

    async def all(self, principal: Principal) -> list[Webhook]:
        """Those that the caller may change, oldest first."""
        found = await self._repository.all(
            principal.subject, service_wide=Scope.ADMIN in principal.scopes
        )
        return [webhook for webhook in found if _may_see(principal, webhook)]

    async def get(self, principal: Principal, id: UUID, *, anybodys: bool = False) -> Webhook:
        """One of these, or `anybodys`, else `NotFound`."""
        if anybodys:
            return await self._anybodys(principal, id)
        webhook = await self._repository.find(
            principal.subject, id, service_wide=Scope.ADMIN in principal.scopes
        )
        if webhook is None or not _may_see(principal, webhook):
            raise NotFound("There is no such webhook, or it is not yours.")
        return webhook

    async def change(self, principal: Principal, id: UUID, wish: WebhookWish) -> Webhook:
        """Raises `NotFound` and `InvalidRequest`."""
        if wish.url is not None:
            self._rule.check(wish.url)
        after = await self._replace(principal, id, lambda webhook: self._wished(webhook, wish))
        return self._told("changed", principal, after)

    async def rotate_secret(self, principal: Principal, id: UUID) -> Webhook:
        """With a new secret, beside which the present one signs for a while. Raises `NotFound`."""
        secret = self._new_secret()
        after = await self._replace(
            principal, id, lambda webhook: rotated(webhook, secret, self._clock())
        )
        return self._told("secret rotated", principal, after)

    async def remove(self, principal: Principal, id: UUID) -> None:
        """What is on its way to it is not sent. Raises `NotFound`."""
        webhook = await self.get(principal, id)
        await self._repository.remove(webhook.id)
        self._told("removed", principal, webhook)

    async def deliveries(
        self,
        principal: Principal,
        id: UUID,
        *,
        before: int | None,
        limit: int,
        anybodys: bool = False,
    ) -> DeliveryPage:
        """What was sent to it lately, newest first. Raises `NotFound`."""
        webhook = await self.get(principal, id, anybodys=anybodys)
        rows = await self._repository.deliveries(webhook.id, before=before, limit=limit + 1)
        return DeliveryPage(*cut(rows, limit, lambda delivery: delivery.id))

    async def test(self, principal: Principal, id: UUID) -> Delivery:
        """Send something that tells of no file. Raises `NotFound` and `WebhookDisabled`."""
        webhook = _enabled(await self.get(principal, id))
        return await self._repository.offer_test(webhook.id, self._clock())

    async def replay(
        self, principal: Principal, id: UUID, message_id: UUID, *, anybodys: bool = False
    ) -> Delivery:
        """Send it again now, as the same message. Raises `NotFound` and `WebhookDisabled`."""
        webhook = _enabled(await self.get(principal, id, anybodys=anybodys))
        delivery = await self._repository.replay(webhook.id, message_id)
        if delivery is None:
            raise NotFound("There is no such delivery of this webhook.")
        self._told("replayed", principal, webhook, delivery=delivery.name)
        return delivery

    async def _anybodys(self, principal: Principal, id: UUID) -> Webhook:
        principal.require_any([Scope.ADMIN])
        webhook = await self._repository.load(id)
        if webhook is None:
            raise NotFound("There is no such webhook.")
        return webhook

    async def _replace(
        self, principal: Principal, id: UUID, next_of: Callable[[Webhook], Webhook]
    ) -> Webhook:
        for _ in range(ATTEMPTS):
            before = await self.get(principal, id)
            after = next_of(before)
            if after is before or await self._repository.replace(before, after):
                return after
        raise DatabaseUnavailable("The webhook kept changing under this request; try again.")

    def _wished(self, webhook: Webhook, wish: WebhookWish) -> Webhook:
        now = self._clock()
        after = webhook
        if wish.url is not None or wish.events is not None:
            [events] = wish.events or (webhook.events,)
            after = redirected(after, now, url=wish.url or webhook.url, events=events)
        if wish.is_enabled is True and not webhook.is_enabled:
            after = enabled(after, now)
        if wish.is_enabled is False:
            after = disabled(after, now, PAUSED)
        return after

    def _told(self, what: str, principal: Principal, webhook: Webhook, **more: str) -> Webhook:
        log.info(f"webhook {what}", webhook_id=str(webhook.id), by=principal.subject, **more)
        return webhook


def _may_see(principal: Principal, webhook: Webhook) -> bool:
    """`find` and `all` see to the owner; here it is whether the token may act for them."""
    scope = Scope.ADMIN if webhook.owner is None else Scope.WRITE
    return scope in principal.scopes


def _enabled(webhook: Webhook) -> Webhook:
    if not webhook.is_enabled:
        raise WebhookDisabled('The webhook is disabled: PATCH it with {"enabled": true} first.')
    return webhook


def _too_many() -> QuotaExceeded:
    return QuotaExceeded(
        f"There may be {MAX_WEBHOOKS} webhooks, and there are: delete one first.",
        quota="webhooks",
        limit=MAX_WEBHOOKS,
        used=MAX_WEBHOOKS,
        reserved=0,
    )
