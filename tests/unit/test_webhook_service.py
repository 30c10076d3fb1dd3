"""Who may do what with which webhook, on the twin in memory."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import uuid_utils.compat

from app.domain.principal import Principal, Scope
from app.domain.webhook import MAX_WEBHOOKS, SECRET_OVERLAP, DeliveryStatus, Webhook, rotated
from app.domain.webhook_address import AddressRule
from app.exceptions.errors import (
    DatabaseUnavailable,
    Forbidden,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    WebhookDisabled,
)
from app.infrastructure.webhooks.signing import new_secret
from app.service.webhooks import WebhookService, WebhookWish
from tests.fakes.webhook_repository import InMemoryWebhookRepository
from tests.support.records import NOON

URL = "https://example.com/hook"
ALICE, BOB = Principal("alice"), Principal("bob")
READER = Principal("alice", frozenset({Scope.READ}))
ADMIN = Principal("root", frozenset({Scope.ADMIN}))


@pytest.fixture
def repository() -> InMemoryWebhookRepository:
    return InMemoryWebhookRepository()


@pytest.fixture
def service(repository: InMemoryWebhookRepository) -> WebhookService:
    return WebhookService(
        repository=repository,
        rule=AddressRule(),
        clock=lambda: NOON,
        new_id=uuid_utils.compat.uuid7,
        new_secret=new_secret,
    )


@pytest.fixture
async def webhook(service: WebhookService) -> Webhook:
    return await service.create(ALICE, url=URL, events=None)


async def test_it_is_its_owners_or_everybodys(service: WebhookService) -> None:
    own = await service.create(ALICE, url=URL, events=frozenset({"file.failed"}))
    wide = await service.create(ADMIN, url=URL, events=None, service_wide=True)

    assert (own.owner, wide.owner) == ("alice", None)
    assert await service.all(ALICE) == [own]
    assert await service.all(ADMIN) == [wide]
    assert own.secret != wide.secret


@pytest.mark.parametrize(
    ("who", "wide"), [(READER, False), (ADMIN, False), (ALICE, True), (READER, True)]
)
async def test_others_may_not_make_one(
    service: WebhookService, repository: InMemoryWebhookRepository, who: Principal, wide: bool
) -> None:
    with pytest.raises(Forbidden):
        await service.create(who, url=URL, events=None, service_wide=wide)
    assert repository.webhooks == {}


async def test_each_owner_may_have_so_many(service: WebhookService) -> None:
    for _ in range(MAX_WEBHOOKS):
        await service.create(ALICE, url=URL, events=None)
    with pytest.raises(QuotaExceeded):
        await service.create(ALICE, url=URL, events=None)
    await service.create(BOB, url=URL, events=None)


@pytest.mark.parametrize("who", [BOB, READER, ADMIN])
async def test_it_does_not_exist_for_others(
    service: WebhookService, webhook: Webhook, who: Principal
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: service.get(who, webhook.id),
        lambda: service.change(who, webhook.id, WebhookWish(is_enabled=False)),
        lambda: service.rotate_secret(who, webhook.id),
        lambda: service.remove(who, webhook.id),
        lambda: service.deliveries(who, webhook.id, before=None, limit=1),
        lambda: service.test(who, webhook.id),
        lambda: service.replay(who, webhook.id, uuid4()),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            await call()  # type: ignore[misc]
    assert await service.all(who) == []
    assert await service.get(ALICE, webhook.id) == webhook


async def test_a_url_that_leads_home_is_refused(service: WebhookService, webhook: Webhook) -> None:
    home = "https://127.0.0.1/"
    with pytest.raises(InvalidRequest):
        await service.create(ALICE, url=home, events=None)
    with pytest.raises(InvalidRequest):
        await service.change(ALICE, webhook.id, WebhookWish(url=home))
    assert await service.all(ALICE) == [webhook]


async def test_a_change_changes_what_it_names(service: WebhookService, webhook: Webhook) -> None:
    some = frozenset({"file.failed"})
    after = await service.change(ALICE, webhook.id, WebhookWish(events=(some,)))
    assert (after.url, after.events) == (URL, some)
    after = await service.change(ALICE, webhook.id, WebhookWish(url=f"{URL}/new"))
    assert (after.url, after.events) == (f"{URL}/new", some)
    after = await service.change(ALICE, webhook.id, WebhookWish(events=(None,)))
    assert (after.url, after.events) == (f"{URL}/new", None)
    assert await service.get(ALICE, webhook.id) == after


async def test_a_pause_ends_with_a_clean_slate(
    service: WebhookService, repository: InMemoryWebhookRepository, webhook: Webhook
) -> None:
    paused = await service.change(ALICE, webhook.id, WebhookWish(is_enabled=False))
    assert (paused.is_enabled, paused.disabled_reason) == (False, "Paused by a call.")
    with pytest.raises(WebhookDisabled):
        await service.test(ALICE, webhook.id)
    with pytest.raises(WebhookDisabled):
        await service.replay(ALICE, webhook.id, uuid4())
    assert repository.sent == {}

    back = await service.change(ALICE, webhook.id, WebhookWish(is_enabled=True))
    assert (back.is_enabled, back.failing_since) == (True, None)


async def test_the_present_secret_signs_on_beside_a_new_one(
    service: WebhookService, webhook: Webhook
) -> None:
    after = await service.rotate_secret(ALICE, webhook.id)
    assert after.secrets(NOON) == [after.secret, webhook.secret]
    assert after.secrets(NOON + SECRET_OVERLAP) == [after.secret]


async def test_of_changes_at_once_none_is_lost(
    service: WebhookService,
    repository: InMemoryWebhookRepository,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace, rivals = repository.replace, 2

    async def outrun(before: Webhook, after: Webhook) -> bool:
        nonlocal rivals
        if rivals:
            rivals -= 1
            repository.webhooks[before.id] = rotated(before, f"secret {rivals}", NOON)
        return await replace(before, after)

    monkeypatch.setattr(repository, "replace", outrun)
    after = await service.change(ALICE, webhook.id, WebhookWish(url=f"{URL}/new"))
    assert (after.url, after.secret) == (f"{URL}/new", "secret 0")

    rivals = 1000
    with pytest.raises(DatabaseUnavailable):
        await service.change(ALICE, webhook.id, WebhookWish(url=f"{URL}/newer"))


async def test_a_replay_is_the_same_message(
    service: WebhookService, repository: InMemoryWebhookRepository, webhook: Webhook
) -> None:
    made = await service.test(ALICE, webhook.id)
    again = await service.replay(ALICE, webhook.id, made.message_id)
    assert (again.message_id, again.status) == (made.message_id, DeliveryStatus.PENDING)
    with pytest.raises(NotFound):
        await service.replay(ALICE, webhook.id, UUID(int=0))


async def test_deliveries_come_in_pages(service: WebhookService, webhook: Webhook) -> None:
    made = [(await service.test(ALICE, webhook.id)).id for _ in range(3)]

    first = await service.deliveries(ALICE, webhook.id, before=None, limit=2)
    assert [d.id for d in first.items] == made[:0:-1]
    rest = await service.deliveries(ALICE, webhook.id, before=first.next_before, limit=2)
    assert ([d.id for d in rest.items], rest.next_before) == (made[:1], None)


async def test_a_removed_one_is_gone_and_told_nothing(
    service: WebhookService, repository: InMemoryWebhookRepository, webhook: Webhook
) -> None:
    await service.test(ALICE, webhook.id)
    await service.remove(ALICE, webhook.id)
    with pytest.raises(NotFound):
        await service.remove(ALICE, webhook.id)
    assert repository.waiting() == []


async def test_without_a_database_it_says_so(
    service: WebhookService, repository: InMemoryWebhookRepository, webhook: Webhook
) -> None:
    repository.down = True
    with pytest.raises(DatabaseUnavailable):
        await service.get(ALICE, webhook.id)
    with pytest.raises(DatabaseUnavailable):
        await service.create(ALICE, url=URL, events=None)
