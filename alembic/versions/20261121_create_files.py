"""Create files, their events and idempotency keys"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from alembic import op

revision = "20261121_01"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_files()
    create_file_events()
    create_idempotency_keys()


def downgrade() -> None:
    for table in ("idempotency_keys", "file_events", "files"):
        op.drop_table(table)


def create_files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("status_reason", sa.Text()),
        sa.Column("etag", sa.Text()),
        sa.Column("version_id", sa.Text()),
        sa.Column("observed_size", sa.BigInteger()),
        sa.Column("uploaded_at", TIME),
        sa.Column("processing_at", TIME),
        sa.Column("completed_at", TIME),
        sa.Column("failed_at", TIME),
        sa.Column("deleted_at", TIME),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("checksum_algorithm", sa.Text()),
        sa.Column("checksum_value", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.UniqueConstraint("key", name="uq_files_key"),
        *file_checks(),
    )
    create_file_indexes()


def create_file_indexes() -> None:
    listed = sa.text("deleted_at IS NULL")
    for columns in (["owner", "id"], ["owner", "status", "id"], ["owner", "policy", "id"]):
        name = f"ix_files_{'_'.join(columns)}"
        op.create_index(name, "files", columns, postgresql_where=listed)
    pending = sa.text("status = 'pending'")
    op.create_index("ix_files_ends_at", "files", ["ends_at"], postgresql_where=pending)
    # Knowing that an owner has much of the table, the planner would walk the primary key for a
    # page of their files, and through all the newer ones of others when theirs are old.
    op.execute("ALTER TABLE files ALTER COLUMN owner SET STATISTICS 0")


def file_checks() -> list[sa.CheckConstraint]:
    rules = {
        "status": "status IN ('pending', 'uploaded', 'processing', 'completed', 'failed')",
        "method": "method IN ('PUT', 'POST', 'multipart')",
        "checksum_algorithm": (
            "checksum_algorithm IN ('sha256', 'sha1', 'crc32', 'crc32c', 'crc64nvme')"
        ),
        "checksum": "(checksum_algorithm IS NULL) = (checksum_value IS NULL)",
        "file_size": "file_size >= 0",
    }
    # op.f: these are whole names, to which the naming convention adds nothing.
    return [sa.CheckConstraint(rule, name=op.f(f"ck_files_{name}")) for name, rule in rules.items()]


def create_file_events() -> None:
    op.create_table(
        "file_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text()),
        sa.Column("to_status", sa.Text()),
        sa.Column("detail", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_file_events"),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name="fk_file_events_file_id"),
    )
    op.create_index("ix_file_events_file_id_id", "file_events", ["file_id", "id"])


def create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("used_at", TIME, nullable=False),
        sa.Column("file_ids", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_idempotency_keys"),
        sa.UniqueConstraint("owner", "key", name="uq_idempotency_keys_owner_key"),
    )
