"""Whether the migrations of this release are there, and applying them."""

import asyncio

from app.database.migrate import revision, revisions, upgrade
from app.domain.diagnosis import Finding
from app.domain.judgement.migrations import judge_migrations
from app.repository.diagnosis.access import DatabaseAccess


async def examine_migrations(access: DatabaseAccess) -> list[Finding]:
    return judge_migrations(await revision(access.ask), revisions())


async def migrate(access: DatabaseAccess) -> str:
    """The fix: what `python -m app migrate` does."""
    await asyncio.to_thread(upgrade, access.url)
    return "Applied the missing migrations."
