"""Runs migrations: one process at a time, and never waiting long on a table that is in use."""

import asyncio

from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

from alembic import context
from app.database.engine import create_engine
from app.database.migrate import ADVISORY_LOCK
from app.database.models import metadata
from app.settings import Settings

LOCK_TIMEOUT = context.config.attributes.get("lock_timeout", "5s")
"""A change of a busy table gives up, unless its caller says otherwise, rather than have every
request queue behind it."""

QUEUE_TIMEOUT = "5min"
"""How long to wait for another process that migrates."""


def database_url() -> str:
    """What the caller of Alembic passed, else the setting."""
    passed: str | None = context.config.attributes.get("database_url")
    if passed is not None:
        return passed
    setting = Settings.load().database_url
    if setting is None:
        raise SystemExit("Set DATABASE_URL, or run `python -m app migrate`.")
    return setting.get_secret_value()


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Whether the models declare it: the queue's tables are procrastinate's own."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def tell(ctx: object, step: MigrationInfo, heads: object, run_args: object) -> None:
    """Tell the caller of Alembic, if it wants to know, what has been applied."""
    on_applied = context.config.attributes.get("on_applied")
    script = context.script.get_revision(step.up_revision_id or "base")
    if on_applied and step.is_upgrade and script is not None:
        on_applied(script.revision, script.doc)


def migrate(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{QUEUE_TIMEOUT}'"))
    # Of the session, so it outlives the transactions; it goes with the connection.
    connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection,
        target_metadata=metadata,
        compare_server_default=True,
        include_name=is_ours,
        # The locks of one end before the next begins: all at once would keep requests waiting.
        transaction_per_migration=True,
        on_version_apply=tell,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    engine = create_engine(database_url(), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
