"""Messages of bucket events that were put aside"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_07"
down_revision = "20261121_06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "parked_storage_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parked_storage_events"),
        sa.UniqueConstraint("message_id", name="uq_parked_storage_events_message_id"),
    )


def downgrade() -> None:
    op.drop_table("parked_storage_events")
