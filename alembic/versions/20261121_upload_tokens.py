"""Upload tokens"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_12"
down_revision = "20261121_11"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upload_tokens",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("max_size", sa.BigInteger()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_upload_tokens"),
    )
    op.create_index("ix_upload_tokens_expires_at", "upload_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_table("upload_tokens")
