"""The database as the repositories use it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from app.database.binding import models_on
from app.database.doorbell import CHANNEL, Doorbell
from app.database.engine import CONNECT_TIMEOUT, Connection, create_engine, dsn
from app.database.failures import Interrupted, is_interruption, is_unavailable, unavailable

T = TypeVar("T")

CLIENT_MARGIN = 1.0
"""Seconds by which the client waits longer than the server's own statement_timeout, so that the
server's answer comes first and the client's clock only ends what a silent network holds up."""


class Database:
    """A pool of at most `pool_size` connections. The server ends a statement after `timeout`
    seconds, the client all of a `run` on a connection after CLIENT_MARGIN more.

    Nothing is connected before it is needed, so the server may be down when this opens, and may
    come and go. Raises ValueError for a URL that is not PostgreSQL's.
    """

    def __init__(self, url: str, *, pool_size: int = 10, timeout: float = 5.0) -> None:
        self._url = dsn(url)
        self._pool_size = pool_size
        self._timeout = timeout
        self._opened: AsyncEngine | None = None
        self._doorbell = Doorbell(self._notify)

    async def open(self) -> None:
        self._opened = create_engine(
            self._url,
            session=self._session(),
            isolation_level="AUTOCOMMIT",
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=min(CONNECT_TIMEOUT, self._timeout),
            # The fewest connections stay busy, so their prepared statements stay warm.
            pool_use_lifo=True,
        )

    async def close(self) -> None:
        """Give the server CONNECT_TIMEOUT to take its leave."""
        await self._doorbell.close()
        engine, self._opened = self._opened, None
        if engine is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(engine.dispose(), CONNECT_TIMEOUT)

    async def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless the server answers."""
        await self.run(lambda connection: connection.fetchval("SELECT 1"))

    def wake_listeners(self) -> None:
        """Have all who listen, in whichever process, look for changes of files that are committed.

        Soon, in the background, and not for certain.
        """
        self._doorbell.ring()

    def pool_status(self) -> dict[str, int]:
        """Connections by state: the `size` allowed, and of these `idle` and `in_use`."""
        pool = cast(QueuePool, self._engine.pool)
        return {"size": pool.size(), "idle": pool.checkedin(), "in_use": pool.checkedout()}

    async def run(
        self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool = True
    ) -> T:
        """What `work` returns, given a connection that commits each statement by itself.

        Queries of ormar's models run on it too. When the connection breaks on the way, `work` is
        done once more on another, unless it is not `repeatable`. Raises `DatabaseUnavailable`.
        """
        with unavailable():
            try:
                return await self._attempt(work)
            except Interrupted:
                if not repeatable:
                    raise
                return await self._attempt(work)

    async def _attempt(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._engine.connect() as connection:
            pooled = await connection.get_raw_connection()
            driver = cast(Connection, pooled.driver_connection)
            with models_on(connection):
                task = asyncio.ensure_future(work(driver))
            await _end_within(self._timeout + CLIENT_MARGIN, task, driver)
            try:
                return task.result()
            except Exception as error:
                if driver.is_closed() or is_interruption(error):
                    raise Interrupted from error
                if is_unavailable(error):
                    # Whatever state it is in, nobody else shall wait on it.
                    driver.terminate()
                raise

    async def _notify(self) -> None:
        await self.run(lambda connection: connection.execute(f"NOTIFY {CHANNEL}"))

    def _session(self) -> dict[str, str]:
        return {
            "statement_timeout": str(round(self._timeout * 1000)),
            # Pages come in the order of an index. Where the planner takes an owner's files for
            # few, it would rather read and sort all of them.
            "enable_sort": "off",
        }

    @property
    def _engine(self) -> AsyncEngine:
        if self._opened is None:
            raise RuntimeError("open() the database first")
        return self._opened


async def _end_within(seconds: float, task: "asyncio.Future[T]", driver: Connection) -> None:
    """Wait until `task` is done with `driver`. Raises TimeoutError.

    When it raises that, or is cancelled, both have ended.
    """
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
    finally:
        if not task.done():
            # In this order: a cancelled statement on an open connection makes asyncpg, and all
            # that use the connection after it, wait for the server's word without limit.
            driver.terminate()
            task.cancel()
            await asyncio.wait({task})
