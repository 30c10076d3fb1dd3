"""Which errors say that PostgreSQL cannot serve just now, rather than that a statement is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi

from app.exceptions.errors import DatabaseUnavailable

# https://www.postgresql.org/docs/18/errcodes-appendix.html
_UNAVAILABLE_CLASSES = (
    "08",  # connection exception
    "53",  # insufficient resources: too many connections, disk full, out of memory
    "57",  # operator intervention: shutdown, still starting up, statement timeout
    "58",  # system error outside PostgreSQL
)
_UNAVAILABLE_CODES = frozenset(
    {
        "25006",  # read-only transaction: the server is a standby now
        "28000",  # invalid authorization: pg_hba.conf or the role changed
        "28P01",  # invalid password
        "3D000",  # no such database
        "40001",  # serialization failure
        "40P01",  # deadlock detected
        "55P03",  # lock not available within lock_timeout
    }
)
_ENDED_BY_SERVER = frozenset({"57P01", "57P02"})  # shutdown, crash of another backend

_StalePlan = AsyncAdapt_asyncpg_dbapi.InvalidCachedStatementError


class Interrupted(Exception):
    """Work was cut short by no fault of its own, and may or may not be done."""


_UNREACHABLE = (
    Interrupted,
    OSError,
    sqlalchemy.exc.TimeoutError,  # no connection became free
    sqlalchemy.exc.InterfaceError,  # broken while it was being made
)


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn every such error into `DatabaseUnavailable`."""
    try:
        yield
    except Exception as error:
        if not is_unavailable(error):
            raise
        raise DatabaseUnavailable("The database does not answer; try again shortly.") from error


def is_unavailable(error: Exception) -> bool:
    """OSError covers refused and reset connections, names that do not resolve, and timeouts."""
    if isinstance(error, _UNREACHABLE):
        return True
    state = _sqlstate(error)
    return state.startswith(_UNAVAILABLE_CLASSES) or state in _UNAVAILABLE_CODES


def is_interruption(error: Exception) -> bool:
    """Whether another connection, or the same one asked anew, would have done it.

    A statement that was prepared before a migration fails once; the dialect then prepares all anew.
    """
    cause = getattr(error, "orig", error)
    return isinstance(cause, _StalePlan) or _sqlstate(error) in _ENDED_BY_SERVER


def _sqlstate(error: Exception) -> str:
    """Of asyncpg's error, bare or wrapped by SQLAlchemy; empty when there is none."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""
