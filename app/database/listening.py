"""One connection that LISTENs, kept up for as long as it is wanted."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import structlog

from app.database.doorbell import CHANNEL
from app.database.engine import CONNECT_TIMEOUT, Connection, dsn

KEEPALIVE = 10.0
"""Seconds between two questions to a server that might be gone without a word."""

ANSWER_TIMEOUT = 5.0

FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
"""Seconds before connecting again; twice as long each time, and up to as long again by chance."""

_TROUBLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""TimeoutError is an OSError."""

_log = structlog.get_logger()


class Listener:
    """Hears what is said in CHANNEL of the database at `url`.

    Raises ValueError for a URL that is not PostgreSQL's.
    """

    def __init__(self, url: str) -> None:
        self._dsn = dsn(url)

    async def listen(self, on_wake: Callable[[], None]) -> None:
        """Call `on_wake` for each notification, until cancelled.

        Also after each new connection, for what was said before; there is no telling what.
        """
        delay = FIRST_DELAY
        while True:
            try:
                async with self._connected(on_wake) as connection:
                    delay = FIRST_DELAY
                    await _stay(connection)
            except _TROUBLE as error:
                _log.warning("the listening connection was lost", cause=type(error).__name__)
            await asyncio.sleep(delay * random.uniform(1, 2))  # noqa: S311 -- only spreads load
            delay = min(2 * delay, LONGEST_DELAY)

    @asynccontextmanager
    async def _connected(self, on_wake: Callable[[], None]) -> AsyncIterator[Connection]:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_TIMEOUT,
            command_timeout=ANSWER_TIMEOUT,
            server_settings={"application_name": "slipway-listen"},
        )
        try:
            await connection.add_listener(CHANNEL, lambda *_: on_wake())
            on_wake()
            yield connection
        finally:
            connection.terminate()


async def _stay(connection: Connection) -> None:
    """Until the connection ends. Raises what the server's silence makes of it."""
    ended = asyncio.Event()
    connection.add_termination_listener(lambda _: ended.set())
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), KEEPALIVE)
        except TimeoutError:
            await connection.execute("SELECT 1")
    raise ConnectionResetError
