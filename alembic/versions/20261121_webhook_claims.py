"""Deliveries are claimed where they lie, no longer through jobs

What waits is due at once, or at its next attempt, and with it what waits behind it of its file; the
jobs that waited for them go.
"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_09"
down_revision = "20261121_08"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_webhook_deliveries_webhook_id_due_at_id": ["webhook_id", "due_at", "id"],
    "ix_webhook_deliveries_webhook_id_file_id_id": ["webhook_id", "file_id", "id"],
}

PUT_OFF = """
UPDATE webhook_deliveries AS delivery
SET next_attempt_at = head.next_attempt_at, due_at = head.next_attempt_at
FROM (
    SELECT DISTINCT ON (webhook_id, about) webhook_id, about, next_attempt_at
    FROM webhook_deliveries, coalesce(file_id, message_id) AS about
    WHERE status = 'pending' ORDER BY webhook_id, about, id
) AS head
WHERE delivery.webhook_id = head.webhook_id
    AND coalesce(delivery.file_id, delivery.message_id) = head.about
    AND delivery.status = 'pending' AND head.next_attempt_at IS NOT NULL
"""

DEFER = """
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW('webhooks', 'deliver', 0, webhook_id || ':' || coalesce(file_id, message_id), NULL,
        json_build_object('delivery_id', id), next_attempt_at)
    ::procrastinate_job_to_defer_v1 ORDER BY id
)) FROM webhook_deliveries WHERE status = 'pending' HAVING count(*) > 0
"""


def upgrade() -> None:
    due_at = sa.Column(
        "due_at",
        sa.DateTime(timezone=True),
        server_default=sa.text("'-infinity'"),
        nullable=False,
    )
    op.add_column("webhook_deliveries", due_at)
    op.execute(PUT_OFF)
    for name, columns in INDEXES.items():
        pending = sa.text("status = 'pending'")
        op.create_index(name, "webhook_deliveries", columns, postgresql_where=pending)
    op.execute("DELETE FROM procrastinate_jobs WHERE queue_name = 'webhooks'")


def downgrade() -> None:
    op.execute(DEFER)
    for name in INDEXES:
        op.drop_index(name, "webhook_deliveries")
    op.drop_column("webhook_deliveries", "due_at")
