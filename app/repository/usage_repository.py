"""What owners hold and may hold, in PostgreSQL."""

from app.database.config import Database
from app.database.engine import Connection
from app.domain.usage import Limits, Standing, Usage
from app.repository import quota_statements as statements
from app.repository.mapping import Row
from app.repository.quota_statements import COUNTERS, LIMITS


class PostgresUsageRepository:
    """Implements `UsageRepository`; `default` are the limits of owners without their own."""

    def __init__(self, database: Database, default: Limits) -> None:
        self._database = database
        self._default = default

    async def standing(self, owner: str) -> Standing:
        return await self._database.run(
            lambda connection: read_standing(connection, owner, self._default)
        )

    async def set_limits(self, owner: str, limits: Limits | None) -> None:
        values = statements.limits(limits or Limits())
        await self._database.ask(
            lambda connection: connection.execute(
                statements.OVERRIDE, owner, limits is not None, *values
            )
        )

    async def owners(self, *, after: str = "", limit: int) -> list[str]:
        rows = await self._database.ask(
            lambda connection: connection.fetch(statements.OWNERS, after, limit)
        )
        return [row["owner"] for row in rows]

    async def standings(self, *, after: str = "", limit: int) -> list[tuple[str, Standing]]:
        """Up to `limit` owners, each greater than `after`, in order, with what they hold."""
        rows = await self._database.ask(
            lambda connection: connection.fetch(statements.STANDINGS, after, limit)
        )
        return [(row["owner"], _standing(row, self._default)) for row in rows]

    async def recount(self, owner: str) -> Usage:
        async def attempt(connection: Connection) -> Usage:
            async with connection.transaction():
                await connection.execute(statements.RECOUNT_ALONE, owner)
                [row] = await connection.fetch(statements.RECOUNT, owner)
                return statements.to_usage(tuple(row))

        return await self._database.run(attempt)


async def read_standing(connection: Connection, owner: str, default: Limits) -> Standing:
    """The owner's usage and the limits that count for them."""
    row = await connection.fetchrow(statements.STANDING, owner)
    return Standing(Usage(), default) if row is None else _standing(row, default)


def _standing(row: Row, default: Limits) -> Standing:
    usage = statements.to_usage([row[name] for name in COUNTERS])
    if not row["overridden"]:
        return Standing(usage, default)
    max_bytes, max_files, max_in_flight_bytes = (row[name] for name in LIMITS)
    own = Limits(bytes=max_bytes, files=max_files, in_flight_bytes=max_in_flight_bytes)
    return Standing(usage, own, overridden=True)
