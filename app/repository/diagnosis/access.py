"""PostgreSQL, for the questions of the doctor."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import asyncpg

from app.database.engine import CONNECT_TIMEOUT, Connection, dsn
from app.database.failures import unavailable
from app.exceptions.errors import DatabaseUnavailable

T = TypeVar("T")

MARGIN = 1.0
"""Seconds by which we wait longer than the server works on a statement."""


class DatabaseAccess:
    """A new connection for each question, and one at a time: a server that has few left is not
    to lose them to its doctor. `timeout` in seconds, for each statement."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self.url = url
        self._timeout = timeout
        self._turn = asyncio.Lock()

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """What `question` returns, given a connection that commits each statement by itself.

        Raises `DatabaseUnavailable`, and ValueError for a URL that cannot be read.
        """
        async with self._turn:
            with unavailable(), _permitted():
                connection = await self._connect()
                try:
                    return await question(connection)
                finally:
                    connection.terminate()

    async def _connect(self) -> Connection:
        return await asyncpg.connect(
            dsn(self.url),
            timeout=CONNECT_TIMEOUT,
            command_timeout=self._timeout + MARGIN,
            server_settings={
                "application_name": "slipway-doctor",
                "statement_timeout": str(round(self._timeout * 1000)),
            },
        )


@contextmanager
def _permitted() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseUnavailable(
            "The user of DATABASE_URL may not read what is asked here: grant it the tables of the "
            "service, or migrate as the user that the service runs as."
        ) from error
