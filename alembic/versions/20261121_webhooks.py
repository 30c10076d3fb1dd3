"""Webhooks, and what is on its way to them"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from alembic import op

revision = "20261121_06"
down_revision = "20261121_05"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = True) -> "sa.Column[datetime]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        _time("created_at", nullable=False),
        _time("updated_at", nullable=False),
        sa.Column("events", JSONB()),
        sa.Column("previous_secret", sa.Text()),
        _time("previous_until"),
        _time("failing_since"),
        _time("disabled_at"),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_owner_id", "webhooks", ["owner", "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "message_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False
        ),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.BigInteger()),
        sa.Column("file_id", sa.Uuid()),
        sa.Column("event", sa.Text(), nullable=False),
        _time("created_at", nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _time("attempted_at"),
        _time("next_attempt_at"),
        sa.Column("response_status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed')",
            name=op.f("ck_webhook_deliveries_status"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("message_id", name="uq_webhook_deliveries_message_id"),
        # Each row is updated at every attempt, in columns that no index has.
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"]
    )
    # Deliveries to an endpoint that is down wait in the queue by the thousand, and each job that
    # is taken looks for earlier ones with its lock.
    op.execute(
        "CREATE INDEX ix_procrastinate_jobs_lock ON procrastinate_jobs (lock)"
        " WHERE status IN ('todo', 'doing')"
    )


def downgrade() -> None:
    op.drop_index("ix_procrastinate_jobs_lock", "procrastinate_jobs")
    for table in ("webhook_deliveries", "webhooks"):
        op.drop_table(table)
