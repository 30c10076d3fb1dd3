"""ormar's fields with PostgreSQL's own column types instead of the portable ones."""

from typing import Any

import ormar
from sqlalchemy import Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import TypeEngine, UserDefinedType


class Xid8(UserDefinedType[int]):
    """`xid8`, the number of a transaction, which SQLAlchemy does not know."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "XID8"


ischema_names["xid8"] = Xid8  # which is how autogenerate recognises it


def uuid_field(**options: Any) -> Any:
    """`uuid` (ormar alone: 32 characters)."""
    return _stored_as(Uuid(), ormar.UUID(**options))


def jsonb_field(**options: Any) -> Any:
    """`jsonb` (ormar alone: `json`)."""
    return _stored_as(JSONB(), ormar.JSON(**options))


def utc_field(**options: Any) -> Any:
    """`timestamptz`, which asyncpg reads as a datetime in UTC whatever the server's zone."""
    return ormar.DateTime(timezone=True, **options)


def xid8_field(**options: Any) -> Any:
    """`xid8`: as PostgreSQL counts transactions, 64 bits, never wrapping."""
    return _stored_as(Xid8(), ormar.BigInteger(**options))


def _stored_as(column_type: TypeEngine[Any], field: Any) -> Any:
    field.column_type = column_type
    return field
