"""How ormar's queries come to run on a connection of ours.

ormar ties a model to one `DatabaseConnection` when the class is made, which would mean an engine
at import and one database per process. But it asks a context variable for a connection first, so
the models get a `DatabaseConnection` that has no engine and only ever uses that one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ormar.databases.connection import DatabaseConnection
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

_DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class ConnectionInContext(DatabaseConnection):
    """Never connects by itself: a query outside `models_on` fails an assertion."""

    def __init__(self) -> None:
        super().__init__("postgresql+asyncpg://")

    @property
    def dialect(self) -> Dialect:
        return _DIALECT


models_database = ConnectionInContext()


@contextmanager
def models_on(connection: AsyncConnection) -> Iterator[None]:
    """Within it, in this task and those it starts, ormar's queries run on `connection`."""
    models_database.set_transaction_connection(connection)
    try:
        yield
    finally:
        models_database.set_transaction_connection(None)
