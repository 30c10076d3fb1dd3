# ruff: noqa: S608 -- what is put into the texts is column names and conditions of ours
"""Everybody's webhooks as operators look at them; docs/adr/0029 says what that reads."""

from uuid import UUID

from app.database.config import Database
from app.database.models import TROUBLED
from app.domain.webhook import MOST_WAITING, WebhookHealth
from app.repository.mapping import Row
from app.repository.webhook_repository import to_delivery, to_webhook
from app.repository.webhook_statements import DELIVERY_COLUMNS, WEBHOOK_COLUMNS

# The order is that of the index of what is pending: by the table itself it could take long to
# find that there is nothing.
_WAITING = f"""
SELECT count(*) FROM (
    SELECT FROM webhook_deliveries WHERE status = 'pending' {{condition}}
    ORDER BY webhook_id, due_at, id LIMIT {MOST_WAITING}
) AS waiting
"""
WAITING = _WAITING.format(condition="")

_SHOWN = ", ".join(
    [f"webhooks.{name} AS webhook_{name}" for name in WEBHOOK_COLUMNS]
    + [f"failure.{name} AS delivery_{name}" for name in DELIVERY_COLUMNS]
)


def _page(condition: str) -> str:
    return f"""
    SELECT {_SHOWN}, waiting.count AS waiting
    FROM (
        SELECT * FROM webhooks WHERE id > $1 AND ({condition}) ORDER BY id LIMIT $2
    ) AS webhooks
    CROSS JOIN LATERAL ({_WAITING.format(condition="AND webhook_id = webhooks.id")}) AS waiting
    LEFT JOIN LATERAL (
        SELECT * FROM webhook_deliveries WHERE webhook_id = webhooks.id AND error IS NOT NULL
        ORDER BY webhook_id DESC, id DESC LIMIT 1
    ) AS failure ON true
    """


ALL = _page("true")
IN_TROUBLE = _page(TROUBLED)


class WebhookOversight:
    """Every method raises `DatabaseUnavailable` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, *, troubled: bool = False, after: UUID | None = None, limit: int
    ) -> list[WebhookHealth]:
        """Everybody's, or of them the disabled and failing ones; oldest first."""
        statement, last = IN_TROUBLE if troubled else ALL, after or UUID(int=0)
        rows = await self._database.ask(lambda connection: connection.fetch(statement, last, limit))
        return sorted(map(_to_health, rows), key=lambda health: health.webhook.id)

    async def waiting(self) -> int:
        """How many deliveries wait, up to MOST_WAITING."""
        count: int = await self._database.ask(lambda connection: connection.fetchval(WAITING))
        return count


def _to_health(row: Row) -> WebhookHealth:
    failure = None if row["delivery_id"] is None else to_delivery(row, "delivery_")
    return WebhookHealth(to_webhook(row, "webhook_"), row["waiting"], failure)
