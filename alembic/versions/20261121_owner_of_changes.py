"""Whose a change is, where a process of the release before the last does not say so

It writes lines without `owner` for as long as a new release is rolled out.
"""

from alembic import op

revision = "20261121_08"
down_revision = "20261121_07"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE FUNCTION file_event_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := (SELECT owner FROM files WHERE id = NEW.file_id);
    RETURN NEW;
END
$$
"""

TRIGGER = """
CREATE TRIGGER file_event_owner BEFORE INSERT ON file_events FOR EACH ROW
WHEN (NEW.owner IS NULL AND (NEW.from_status IS NOT NULL OR NEW.event = 'deleted'))
EXECUTE FUNCTION file_event_owner()
"""


def upgrade() -> None:
    op.execute(FUNCTION)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER file_event_owner ON file_events")
    op.execute("DROP FUNCTION file_event_owner()")
