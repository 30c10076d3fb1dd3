"""ormar's fields with PostgreSQL's own column types instead of the portable ones."""

from typing import Any

import ormar
from sqlalchemy import Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine


def uuid_field(**options: Any) -> Any:
    """`uuid` (ormar alone: 32 characters)."""
    return _stored_as(Uuid(), ormar.UUID(**options))


def jsonb_field(**options: Any) -> Any:
    """`jsonb` (ormar alone: `json`)."""
    return _stored_as(JSONB(), ormar.JSON(**options))


def utc_field(**options: Any) -> Any:
    """`timestamptz`, which asyncpg reads as a datetime in UTC whatever the server's zone."""
    return ormar.DateTime(timezone=True, **options)


def _stored_as(column_type: TypeEngine[Any], field: Any) -> Any:
    field.column_type = column_type
    return field
