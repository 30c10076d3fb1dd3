"""Multipart uploads, and indexes for what the worker looks for"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_02"
down_revision = "20261121_01"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
PENDING = sa.text("status = 'pending'")
ENDING = sa.text("status = 'pending' AND deleted_at IS NULL")
RULES = {
    "checksum_type": "checksum_type IN ('full_object', 'composite')",
    "part_size": "(method = 'multipart') = (part_size IS NOT NULL)",
}


def upgrade() -> None:
    for column in (
        sa.Column("remove_at", TIME),
        sa.Column("part_size", sa.BigInteger()),
        sa.Column("upload_id", sa.Text()),
        sa.Column("checksum_type", sa.Text()),
    ):
        op.add_column("files", column)
    for name, rule in RULES.items():
        op.create_check_constraint(op.f(f"ck_files_{name}"), "files", rule)
    op.drop_index("ix_files_ends_at", "files")
    op.create_index("ix_files_ends_at_id", "files", ["ends_at", "id"], postgresql_where=ENDING)
    removable = sa.text("remove_at IS NOT NULL")
    op.create_index(
        "ix_files_remove_at_id", "files", ["remove_at", "id"], postgresql_where=removable
    )
    op.create_index("ix_idempotency_keys_used_at", "idempotency_keys", ["used_at"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_used_at", "idempotency_keys")
    op.drop_index("ix_files_remove_at_id", "files")
    op.drop_index("ix_files_ends_at_id", "files")
    op.create_index("ix_files_ends_at", "files", ["ends_at"], postgresql_where=PENDING)
    for name in RULES:
        op.drop_constraint(op.f(f"ck_files_{name}"), "files")
    for column in ("checksum_type", "upload_id", "part_size", "remove_at"):
        op.drop_column("files", column)
