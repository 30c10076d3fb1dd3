"""Connections: the URL that an operator writes, and the pool made of it."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_TIMEOUT = 2.0
"""Seconds for a connection to be made, or for one to become free, before the caller gives up."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_SCHEME = re.compile(r"(postgresql|postgres|postgresql\+asyncpg)://")


def dsn(url: str) -> str:
    """`url` as asyncpg takes it, which reads what libpq reads: `?host=/socket`, `?sslmode=` …

    https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS
    Raises ValueError for another scheme; the message never holds the URL, which has a password.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise ValueError("DATABASE_URL must start with postgresql:// (the driver is asyncpg)")
    return f"postgresql://{url[scheme.end() :]}"


def create_engine(
    url: str,
    *,
    session: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncEngine:
    """A pool of connections to `url`; `options` are those of SQLAlchemy's create_async_engine.

    `session` holds server settings, as `SET` takes them.
    """
    address = dsn(url)
    settings = {"application_name": "slipway"} | dict(session or {})

    async def connect() -> Connection:
        return await asyncpg.connect(
            address,
            timeout=CONNECT_TIMEOUT,
            server_settings=settings,
        )

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, hide_parameters=True, **options
    )
    event.listen(engine.sync_engine, "checkout", _discard_dead)
    return engine


def _discard_dead(dbapi_connection: Any, *_: Any) -> None:
    """Have the pool replace a connection that died idle, which asyncpg knows without asking."""
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError
