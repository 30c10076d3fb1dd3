# ruff: noqa: S608 -- what is put into the texts is column names and types of ours
"""SQL for what is hot or atomic, with asyncpg's numbered parameters.

Each statement is one transaction by itself. Columns and their types come from the models, so a
statement cannot name a column that the schema lacks.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import dialect

from app.database.models import FileEventModel, FileModel
from app.repository.mapping import EVENT_COLUMNS, FILE_COLUMNS, MUTABLE_COLUMNS

_FILES: Table = FileModel.ormar_config.table
_EVENTS: Table = FileEventModel.ormar_config.table
_DIALECT = dialect()  # type: ignore[no-untyped-call]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _parameters(table: Table, names: Sequence[str], first: int, suffix: str = "") -> str:
    kinds = [table.columns[name].type.compile(_DIALECT) for name in names]
    return _list(f"${number}::{kind}{suffix}" for number, kind in enumerate(kinds, first))


INSERT = f"""
WITH created AS (
    INSERT INTO files ({_list(FILE_COLUMNS)})
    VALUES ({_parameters(_FILES, FILE_COLUMNS, 1)})
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
INSERT INTO file_events (file_id, {_list(EVENT_COLUMNS)})
SELECT id, {_parameters(_EVENTS, EVENT_COLUMNS, 1 + len(FILE_COLUMNS))} FROM created
"""
"""A new file and its first event: FILE_COLUMNS, then EVENT_COLUMNS.

The id is the caller's own, so a row that is there already is this very one, written by an attempt
whose answer was lost: doing it again changes nothing.
"""

CLAIM = """
INSERT INTO idempotency_keys AS earlier (owner, key, fingerprint, used_at, file_ids)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (owner, key) DO UPDATE
    SET fingerprint = excluded.fingerprint,
        used_at = excluded.used_at,
        file_ids = excluded.file_ids
    WHERE earlier.used_at < $6
RETURNING true
"""
"""True when the key was free or had lapsed. Waits for a claim of the same key under way."""

EARLIER_USE = "SELECT fingerprint, file_ids FROM idempotency_keys WHERE owner = $1 AND key = $2"

_FOUND = f"SELECT {_list(FILE_COLUMNS)} FROM files WHERE owner = $1 AND deleted_at IS NULL"
FIND_BY_ID = f"{_FOUND} AND id = $2"
FIND_BY_KEY = f"{_FOUND} AND key = $2"
FIND_ALL = f"{_FOUND} AND id = ANY($2::uuid[])"

_FIRST_EVENT = 4 + len(MUTABLE_COLUMNS)
MOVE = f"""
WITH moved AS (
    UPDATE files SET ({_list(MUTABLE_COLUMNS)}) = ROW({_parameters(_FILES, MUTABLE_COLUMNS, 4)})
    WHERE id = $1 AND owner = $2 AND status = $3 AND deleted_at IS NULL
    RETURNING id
), told AS (
    INSERT INTO file_events (file_id, {_list(EVENT_COLUMNS)})
    SELECT id, {_list(EVENT_COLUMNS)} FROM moved, unnest(
        {_parameters(_EVENTS, EVENT_COLUMNS, _FIRST_EVENT, "[]")}
    ) WITH ORDINALITY AS event ({_list(EVENT_COLUMNS)}, step)
    ORDER BY step
)
SELECT EXISTS (SELECT FROM moved)
"""
"""Compare and set: id, owner and status before; MUTABLE_COLUMNS; an array per EVENT_COLUMNS."""

APPEND = f"""
INSERT INTO file_events (file_id, {_list(EVENT_COLUMNS)})
VALUES ($1, {_parameters(_EVENTS, EVENT_COLUMNS, 2)})
"""
