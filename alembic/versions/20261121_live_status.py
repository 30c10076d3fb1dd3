"""The order in which changes of files became visible, and whose they are

`xact` is given to the rows that are there in one step without rewriting the table: the default is
stable, not volatile. https://www.postgresql.org/docs/18/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

import sqlalchemy as sa

from alembic import op

revision = "20261121_05"
down_revision = "20261121_04"
branch_labels = None
depends_on = None

MOVES = "WHERE from_status IS NOT NULL OR event = 'deleted'"


def upgrade() -> None:
    op.execute("ALTER TABLE file_events ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.add_column("file_events", sa.Column("owner", sa.Text()))
    for columns in ("xact, id", "owner, xact, id"):
        name = f"ix_file_events_{columns.replace(', ', '_')}"
        op.execute(f"CREATE INDEX {name} ON file_events ({columns}) {MOVES}")
    # As with the files' owner: the planner would walk everybody's changes for those of an owner
    # who it knows has many.
    op.execute("ALTER TABLE file_events ALTER COLUMN owner SET STATISTICS 0")


def downgrade() -> None:
    for name in ("ix_file_events_owner_xact_id", "ix_file_events_xact_id"):
        op.drop_index(name, "file_events")
    for column in ("owner", "xact"):
        op.drop_column("file_events", column)
