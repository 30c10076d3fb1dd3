"""procrastinate on PostgreSQL: connections that fail in bounded time, and tell."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import procrastinate
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection
from psycopg.errors import RaiseException
from psycopg_pool import AsyncConnectionPool

from app.database.engine import CONNECT_TIMEOUT, dsn
from app.worker.conninfo import libpq_url

POOL_SIZE = 4
"""Connections of a worker to its queue, besides one that listens and those of the services."""

RECONNECT_TIMEOUT = 10.0
"""Seconds after which the pool begins its ever longer waits between attempts anew."""

CLOSE_TIMEOUT = 2.0

# Seconds, and for tcp_user_timeout milliseconds, after which a silent network counts as broken:
# https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-KEEPALIVES
_CONNECTION = {
    "application_name": "slipway-worker",
    "connect_timeout": round(CONNECT_TIMEOUT),
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


_SESSION = {
    # The first job in the order of an index. A planner whose statistics are of an empty queue
    # would rather read and sort all that wait, for every job that is taken.
    "enable_sort": "off",
    # A crash of the server may forget what was taken or done in its last moments: it is done
    # again, which every job must stand.
    "synchronous_commit": "off",
}


class TellingConnector(procrastinate.PsycopgConnector):
    """Tells when the fate of a job could not be written down.

    The job then stays `doing`. While its worker sends heartbeats nobody takes it over, so that
    worker has to start anew, under another id.
    """

    def __init__(self, on_failure: Callable[[], None]) -> None:
        super().__init__()
        self._on_failure = on_failure

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        try:
            await super().execute_query_async(query, **arguments)
        except ConnectorException as error:
            # Raised by procrastinate's own functions when another worker has settled the job.
            if not isinstance(error.__cause__, RaiseException):
                self._on_failure()
            raise


@asynccontextmanager
async def open_queue(
    database_url: str,
    *,
    statement_timeout: float,
    on_failure: Callable[[], None] = lambda: None,
) -> AsyncIterator[procrastinate.App]:
    """The queue, with no job's code yet. PostgreSQL need not answer.

    `statement_timeout` in seconds. Raises ValueError for a URL that is none.
    """

    async def configure(connection: AsyncConnection) -> None:
        session = {"statement_timeout": str(round(statement_timeout * 1000)), **_SESSION}
        for name, value in session.items():
            await connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        if not connection.autocommit:
            await connection.commit()

    pool = AsyncConnectionPool(
        libpq_url(dsn(database_url)),
        kwargs=_CONNECTION,
        min_size=1,
        max_size=POOL_SIZE,
        timeout=CONNECT_TIMEOUT,
        reconnect_timeout=RECONNECT_TIMEOUT,
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    app = procrastinate.App(connector=TellingConnector(on_failure))
    await pool.open()
    try:
        await app.open_async(pool)
        yield app
    finally:
        await pool.close(CLOSE_TIMEOUT)
