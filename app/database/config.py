"""The database as the repositories use it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import asyncpg
from sqlalchemy.pool import NullPool

from app.database.binding import models_on
from app.database.doorbell import CHANNEL, Doorbell
from app.database.engine import CONNECT_TIMEOUT, Connection, create_engine, dsn
from app.database.failures import Interrupted, is_interruption, is_unavailable, unavailable
from app.database.leases import Lease, Leases

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
        self._opened: Leases | None = None
        self._doorbell = Doorbell(self._notify)

    async def open(self) -> None:
        engine = create_engine(
            self._url,
            session=self._session(),
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
        )
        patience = min(CONNECT_TIMEOUT, self._timeout)
        self._opened = Leases(engine, size=self._pool_size, patience=patience)

    async def close(self) -> None:
        """Give the server CONNECT_TIMEOUT to take its leave."""
        await self._doorbell.close()
        leases, self._opened = self._opened, None
        if leases is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(leases.close(), CONNECT_TIMEOUT)

    async def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless the server answers."""
        await self.ask(lambda connection: connection.fetchval("SELECT 1"))

    def wake_listeners(self) -> None:
        """Have all who listen, in whichever process, look for changes of files that are committed.

        Soon, in the background, and not for certain.
        """
        self._doorbell.ring()

    def pool_status(self) -> dict[str, int]:
        """Connections by state: the `size` allowed, and of these `idle` and `in_use`."""
        return self._leases.status()

    async def run(
        self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool = True
    ) -> T:
        """What `work` returns, given a connection that commits each statement by itself.

        Queries of ormar's models run on it too. When the connection breaks on the way, `work` is
        done once more on another, unless it is not `repeatable`. Raises `DatabaseUnavailable`.
        """
        return await self._repeat(lambda lease: self._watched(lease, work), repeatable)

    async def ask(
        self, question: Callable[[Connection], Awaitable[T]], *, repeatable: bool = True
    ) -> T:
        """The same for a single statement on the driver, at a fraction of the cost."""
        return await self._repeat(lambda lease: self._timed(lease, question), repeatable)

    async def _repeat(self, work: Callable[[Lease], Awaitable[T]], repeatable: bool) -> T:
        with unavailable():
            try:
                return await self._attempt(work)
            except Interrupted:
                if not repeatable:
                    raise
                return await self._attempt(work)

    async def _attempt(self, work: Callable[[Lease], Awaitable[T]]) -> T:
        leases = self._leases
        lease = await leases.take()
        try:
            return await work(lease)
        except Exception as error:
            if isinstance(error, TimeoutError):
                raise
            if lease.driver.is_closed() or is_interruption(error):
                raise Interrupted from error
            if is_unavailable(error):
                # Whatever state it is in, nobody else shall wait on it.
                lease.driver.terminate()
            raise
        finally:
            leases.give_back(lease)

    async def _timed(self, lease: Lease, question: Callable[[Connection], Awaitable[T]]) -> T:
        """The statement ends with its connection: by itself asyncpg would wait for the server's
        word on a cancelled one without limit."""
        driver, limit = lease.driver, self._timeout + CLIENT_MARGIN
        alarm = asyncio.get_running_loop().call_later(limit, driver.terminate)
        started = alarm.when() - limit
        try:
            return await question(driver)
        except asyncio.CancelledError:
            driver.terminate()
            raise
        except asyncpg.PostgresConnectionError as error:
            if asyncio.get_running_loop().time() - started >= limit:
                raise TimeoutError from error
            raise
        finally:
            alarm.cancel()

    async def _watched(self, lease: Lease, work: Callable[[Connection], Awaitable[T]]) -> T:
        with models_on(lease.connection):
            task = asyncio.ensure_future(work(lease.driver))
        await _end_within(self._timeout + CLIENT_MARGIN, task, lease.driver)
        try:
            return task.result()
        finally:
            if lease.connection.in_transaction():
                # SQLAlchemy's idea of one, after a query of ormar's: the server knows of none.
                await lease.connection.rollback()

    async def _notify(self) -> None:
        await self.ask(lambda connection: connection.execute(f"NOTIFY {CHANNEL}"))

    def _session(self) -> dict[str, str]:
        return {
            "statement_timeout": str(round(self._timeout * 1000)),
            # Pages come in the order of an index. Where the planner takes an owner's files for
            # few, it would rather read and sort all of them.
            "enable_sort": "off",
        }

    @property
    def _leases(self) -> Leases:
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
