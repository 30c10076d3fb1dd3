"""What the database puts into rows by itself. A migration makes it; this declares it."""

from sqlalchemy import DDL, Table, event

_FUNCTION = """
CREATE FUNCTION file_event_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := (SELECT owner FROM files WHERE id = NEW.file_id);
    RETURN NEW;
END
$$
"""


def name_owner_of_changes(file_events: Table, changes: str) -> None:
    """Give a line the owner of its file where that is missing and the condition `changes` holds.

    A release that knows of no such column writes lines without, while it is being replaced.
    """
    trigger = f"""
    CREATE TRIGGER file_event_owner BEFORE INSERT ON file_events FOR EACH ROW
    WHEN (NEW.owner IS NULL AND ({changes})) EXECUTE FUNCTION file_event_owner()
    """
    for statement in (_FUNCTION, trigger):
        event.listen(file_events, "after_create", DDL(statement))  # type: ignore[no-untyped-call]
