# ruff: noqa: S608 -- what is put into the texts is column names and types of ours
"""SQL for what is hot or atomic, with asyncpg's numbered parameters.

Each statement is one transaction by itself. Columns and their types come from the models, so a
statement cannot name a column that the schema lacks.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import dialect

from app.database.models import FileEventModel, FileModel
from app.domain.job import JobName
from app.domain.usage import Limits
from app.repository import quota_statements, webhook_statements
from app.repository.mapping import EVENT_COLUMNS, FILE_COLUMNS, JOB_COLUMNS, MUTABLE_COLUMNS

_FILES: Table = FileModel.ormar_config.table
_EVENTS: Table = FileEventModel.ormar_config.table
QUEUE = "files"
"""The queue of every job about a file."""

_DIALECT = dialect()  # type: ignore[no-untyped-call]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _parameters(table: Table, names: Sequence[str], first: int, suffix: str = "") -> str:
    kinds = [table.columns[name].type.compile(_DIALECT) for name in names]
    return _list(f"${number}::{kind}{suffix}" for number, kind in enumerate(kinds, first))


def _parameter(name: str) -> str:
    """The one of this name among FILE_COLUMNS, where those come first."""
    return _parameters(_FILES, [name], 1 + FILE_COLUMNS.index(name))


_FIRST_EVENT_OF_FILE = 1 + len(FILE_COLUMNS)
_TELL = f"""
INSERT INTO file_events (file_id, {_list(EVENT_COLUMNS)})
SELECT id, {_parameters(_EVENTS, EVENT_COLUMNS, _FIRST_EVENT_OF_FILE)} FROM created
"""

INSERT = f"""
WITH created AS (
    INSERT INTO files ({_list(FILE_COLUMNS)})
    VALUES ({_parameters(_FILES, FILE_COLUMNS, 1)})
    RETURNING id
)
{_TELL}
"""
"""A new file, for which there is a reservation, and its first event: FILE_COLUMNS, EVENT_COLUMNS.
"""


def insert_within(default: Limits) -> str:
    """The same with its reservation; returns the file's id unless that would exceed a limit."""
    reserving = quota_statements.reserving(
        default, owner=_parameter("owner"), files="1", bytes=_parameter("file_size")
    )
    return f"""
    WITH reserved AS ({reserving}), created AS (
        INSERT INTO files ({_list(FILE_COLUMNS)})
        SELECT {_parameters(_FILES, FILE_COLUMNS, 1)} FROM reserved
        RETURNING id
    )
    {_TELL}
    RETURNING file_id
    """


IS_THERE = "SELECT EXISTS (SELECT FROM files WHERE id = $1)"

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


_PRIORITY = f"CASE name WHEN '{JobName.LOOK}' THEN -1 ELSE 0 END"
"""Looks are many, and may come late: of a file's jobs, which its lock puts in a row, the others do
not wait for one."""


def _deferred(source: str, first: int) -> str:
    """The query that defers, once `source` has a row, the jobs given as an array per JOB_COLUMNS.

    Without jobs it has no row, and the queue is not touched. The function and its type are
    procrastinate's, which its own clients call as well.
    """
    return f"""
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW('{QUEUE}', name, {_PRIORITY}, file_id::text, NULL,
            json_build_object('file_id', file_id), at)
        ::procrastinate_job_to_defer_v1
    ))
    FROM {source},
        unnest(${first}::text[], ${first + 1}::uuid[], ${first + 2}::timestamptz[])
        AS job ({_list(JOB_COLUMNS)})
    HAVING count(*) > 0
    """


_FIRST_EVENT = 6 + len(MUTABLE_COLUMNS)
_FIRST_COUNTER = _FIRST_EVENT + len(EVENT_COLUMNS)
MOVE = f"""
WITH moved AS (
    UPDATE files SET ({_list(MUTABLE_COLUMNS)}) = ROW({_parameters(_FILES, MUTABLE_COLUMNS, 6)})
    WHERE id = $1 AND owner = $2 AND status = $3 AND ends_at = $4
        AND upload_id IS NOT DISTINCT FROM $5 AND deleted_at IS NULL
    RETURNING id
), told AS (
    INSERT INTO file_events (file_id, owner, {_list(EVENT_COLUMNS)})
    SELECT id, $2, {_list(EVENT_COLUMNS)} FROM moved, unnest(
        {_parameters(_EVENTS, EVENT_COLUMNS, _FIRST_EVENT, "[]")}
    ) WITH ORDINALITY AS event ({_list(EVENT_COLUMNS)}, step)
    ORDER BY step
    RETURNING id, at, {webhook_statements.EVENT_NAME} AS name
), settled AS ({quota_statements.settling("moved", "$2", _FIRST_COUNTER)}
), deferred AS ({_deferred("moved", _FIRST_COUNTER + len(quota_statements.COUNTERS))}
), offered AS ({webhook_statements.offering("told", "$1", "$2")})
SELECT EXISTS (SELECT FROM moved), (SELECT count(*) FROM deferred)
"""
"""Compare and set: id, owner, status, ends_at and upload_id before; MUTABLE_COLUMNS; an array per
EVENT_COLUMNS; what to add to the owner's counters; an array per JOB_COLUMNS."""

EXTEND = f"""
WITH extended AS (
    UPDATE files SET
        expires_at = greatest(expires_at, $3),
        ends_at = greatest(ends_at, $4),
        updated_at = greatest(updated_at, $5)
    WHERE id = $1 AND owner = $2 AND status = 'pending' AND ends_at > $5 AND deleted_at IS NULL
    RETURNING id
)
INSERT INTO file_events (file_id, {_list(EVENT_COLUMNS)})
SELECT id, {_parameters(_EVENTS, EVENT_COLUMNS, 5)} FROM extended
RETURNING true
"""
"""Later times alone: id and owner, expires_at and ends_at, EVENT_COLUMNS."""

APPEND = f"""
WITH told AS (
    INSERT INTO file_events (file_id, {_list(EVENT_COLUMNS)})
    VALUES ($1, {_parameters(_EVENTS, EVENT_COLUMNS, 2)})
    RETURNING id
), deferred AS ({_deferred("told", 2 + len(EVENT_COLUMNS))})
SELECT count(*) FROM deferred
"""

DEFER = _deferred("(VALUES (true)) AS always", 1)

_RECORD = f"SELECT {_list(FILE_COLUMNS)} FROM files"
LOAD = f"{_RECORD} WHERE id = $1"

DUE = f"""
{_RECORD}
WHERE status = 'pending' AND deleted_at IS NULL AND ends_at <= $1 AND (ends_at, id) > ($2, $3)
ORDER BY ends_at, id LIMIT $4
"""

DUE_REMOVALS = f"""
{_RECORD}
WHERE remove_at <= $1 AND (remove_at, id) > ($2, $3)
ORDER BY remove_at, id LIMIT $4
"""

PUT_OFF_REMOVAL = """
UPDATE files SET remove_at = $5
WHERE id = $1 AND status = $2 AND deleted_at IS NOT DISTINCT FROM $3
    AND remove_at IS NOT DISTINCT FROM $4 AND (status = 'failed' OR deleted_at IS NOT NULL)
"""
"""id; status, deleted_at and remove_at before; remove_at."""

FORGET_CLAIMS = """
WITH forgotten AS (
    DELETE FROM idempotency_keys WHERE id = ANY(ARRAY(
        SELECT id FROM idempotency_keys WHERE used_at < $1
        ORDER BY used_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
)
SELECT count(*) FROM forgotten
"""
