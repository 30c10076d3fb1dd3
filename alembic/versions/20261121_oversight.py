"""What operators ask across owners, by indexes of its own (docs/adr/0029)

Those of deleted files, of troubled webhooks and of deliveries that went wrong are not written to
while all goes well.
"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_10"
down_revision = "20261121_09"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_files_status_id", "files", ["status", "id"], "deleted_at IS NULL"),
    ("ix_files_deleted_id", "files", ["id"], "deleted_at IS NOT NULL"),
    ("ix_files_deleted_owner_id", "files", ["owner", "id"], "deleted_at IS NOT NULL"),
    (
        "ix_webhooks_troubled_id",
        "webhooks",
        ["id"],
        "disabled_at IS NOT NULL OR failing_since IS NOT NULL",
    ),
    (
        "ix_webhook_deliveries_erring_webhook_id_id",
        "webhook_deliveries",
        ["webhook_id", "id"],
        "error IS NOT NULL",
    ),
)


def upgrade() -> None:
    for name, table, columns, where in INDEXES:
        op.create_index(name, table, columns, postgresql_where=sa.text(where))


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
