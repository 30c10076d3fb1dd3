"""Rows <-> the domain's records. Tuples are in the order of the column names beside them."""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg

from app.database.models import FileModel
from app.domain.checksum import Checksum, ChecksumAlgorithm, ChecksumType
from app.domain.file import FileEvent, FileRecord, FileStatus, UploadMethod
from app.domain.job import Job

_encoder = json.JSONEncoder(ensure_ascii=False)  # json.dumps would make one for each call

Row = Mapping[str, Any] | asyncpg.Record

_CHECKSUM = ("checksum_algorithm", "checksum_value")
_NOT_AS_IS = ("metadata", *_CHECKSUM)
"""Columns that do not hold the value of the record's field of the same name."""

_COLUMNS = [column.name for column in FileModel.ormar_config.table.columns]
_AS_IS = tuple(name for name in _COLUMNS if name not in _NOT_AS_IS)
_values_as_is = attrgetter(*_AS_IS)

FILE_COLUMNS = (*_AS_IS, *_NOT_AS_IS)

MUTABLE_COLUMNS = (
    "status",
    "status_reason",
    "file_size",
    "size_is_limit",
    "etag",
    "version_id",
    "observed_size",
    "expires_at",
    "ends_at",
    "updated_at",
    "uploaded_at",
    "processing_at",
    "completed_at",
    "failed_at",
    "deleted_at",
    "remove_at",
    "upload_id",
)
"""What a move may change; all else is as it was declared, for good."""

mutable_values: Callable[[FileRecord], tuple[Any, ...]] = attrgetter(*MUTABLE_COLUMNS)

JOB_COLUMNS = ("name", "file_id", "at")

EVENT_COLUMNS = ("at", "actor", "event", "from_status", "to_status", "detail")


def to_file_row(record: FileRecord) -> tuple[Any, ...]:
    """The values of FILE_COLUMNS."""
    checksum = record.checksum
    return (
        *_values_as_is(record),
        _json(record.metadata),
        checksum and checksum.algorithm,
        checksum and checksum.value,
    )


def to_record(row: Row) -> FileRecord:
    """From a row that has FILE_COLUMNS."""
    values = {name: row[name] for name in _AS_IS}
    values |= {
        "id": to_uuid(row["id"]),
        "method": UploadMethod(row["method"]),
        "status": FileStatus(row["status"]),
        "metadata": row["metadata"],
        "checksum": _checksum(*(row[name] for name in _CHECKSUM)),
        "checksum_type": row["checksum_type"] and ChecksumType(row["checksum_type"]),
    }
    return FileRecord(**values)


def to_event_row(event: FileEvent) -> tuple[Any, ...]:
    """The values of EVENT_COLUMNS."""
    return (
        event.at,
        event.actor,
        event.event,
        event.from_status,
        event.to_status,
        _json(event.detail),
    )


def to_event(row: Row) -> FileEvent:
    """From a row that has EVENT_COLUMNS."""
    values = {name: row[name] for name in ("id", *EVENT_COLUMNS)}
    for name in ("from_status", "to_status"):
        values[name] = values[name] and FileStatus(values[name])
    return FileEvent(**values)


def to_event_columns(events: Sequence[FileEvent]) -> list[tuple[Any, ...]]:
    """The same events as one tuple per column of EVENT_COLUMNS."""
    return _transposed([to_event_row(event) for event in events], EVENT_COLUMNS)


def to_job_columns(jobs: Sequence[Job]) -> list[tuple[Any, ...]]:
    """One tuple per column of JOB_COLUMNS."""
    return _transposed([(job.name, job.file_id, job.at) for job in jobs], JOB_COLUMNS)


def _transposed(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) or [() for _ in names]


def _checksum(algorithm: str | None, value: str | None) -> Checksum | None:
    if algorithm is None or value is None:
        return None
    return Checksum(ChecksumAlgorithm(algorithm), value)


def to_uuid(value: UUID) -> UUID:
    """asyncpg returns a subclass of its own, which some serialisers do not know."""
    return UUID(int=value.int)


def _json(value: Mapping[str, Any]) -> str:
    return _encoder.encode(dict(value))
