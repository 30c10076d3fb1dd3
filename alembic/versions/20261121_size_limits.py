"""Files whose size is not known before they arrive, and parts that the client cuts

The release before takes a limit for the size, and fails such a file when it is reported. There are
none before a process of the new release hands them out.
"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_11"
down_revision = "20261121_10"
branch_labels = None
depends_on = None

PART_SIZE = "ck_files_part_size"
CUT_AS_THE_RELEASE_BEFORE_WOULD = """
UPDATE files SET part_size = greatest(16, ceil(file_size / 10000.0 / 1048576)) * 1048576
WHERE method = 'multipart' AND part_size IS NULL
"""


def upgrade() -> None:
    op.add_column(
        "files", sa.Column("size_is_limit", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.drop_constraint(op.f(PART_SIZE), "files")
    op.create_check_constraint(
        op.f(PART_SIZE), "files", "part_size IS NULL OR method = 'multipart'"
    )


def downgrade() -> None:
    op.execute(CUT_AS_THE_RELEASE_BEFORE_WOULD)
    op.drop_constraint(op.f(PART_SIZE), "files")
    op.create_check_constraint(
        op.f(PART_SIZE), "files", "(method = 'multipart') = (part_size IS NOT NULL)"
    )
    op.drop_column("files", "size_is_limit")
