"""What each owner holds and may hold"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_03"
down_revision = "20261121_02"
branch_labels = None
depends_on = None

COUNTERS = ("used_files", "used_bytes", "reserved_files", "reserved_bytes")
LIMITS = ("max_files", "max_bytes", "max_in_flight_bytes")

BACKFILL = """
INSERT INTO usages (owner, used_files, used_bytes, reserved_files, reserved_bytes)
SELECT owner,
       count(*) FILTER (WHERE status <> 'pending'),
       coalesce(sum(file_size) FILTER (WHERE status <> 'pending'), 0),
       count(*) FILTER (WHERE status = 'pending'),
       coalesce(sum(file_size) FILTER (WHERE status = 'pending'), 0)
FROM files
WHERE deleted_at IS NULL AND status <> 'failed'
GROUP BY owner
"""


def upgrade() -> None:
    op.create_table(
        "usages",
        sa.Column("owner", sa.Text(), nullable=False),
        *(
            sa.Column(n, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for n in COUNTERS
        ),
        sa.Column("overridden", sa.Boolean(), server_default=sa.false(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in LIMITS),
        sa.PrimaryKeyConstraint("owner", name="pk_usages"),
        # Room for the next versions of a row on its own page: such updates touch no index.
        postgresql_with={"fillfactor": 50},
    )
    op.execute(BACKFILL)


def downgrade() -> None:
    op.drop_table("usages")
