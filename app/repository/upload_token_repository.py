"""Upload tokens, by the digest of each."""

from datetime import datetime

from app.database.config import Database
from app.domain.upload_grant import UploadToken

_COLUMNS = "digest, owner, policy, max_size, expires_at"

# Each new one takes some of those along that have expired: nothing else has to remove them.
_KEEP = f"""
WITH forgotten AS (
    DELETE FROM upload_tokens WHERE digest = ANY(ARRAY(
        SELECT digest FROM upload_tokens WHERE expires_at < $6
        ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED
    ))
)
INSERT INTO upload_tokens ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5)
"""  # noqa: S608 -- of constants

_FIND = f"SELECT {_COLUMNS} FROM upload_tokens WHERE digest = $1"  # noqa: S608 -- of constants


class UploadTokenRepository:
    """Every method raises `DatabaseUnavailable` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, token: UploadToken, now: datetime) -> None:
        """Commit a token, and forget some that expired before `now`."""
        values = (token.digest, token.owner, token.policy, token.max_size, token.expires_at, now)
        await self._database.ask(
            lambda connection: connection.execute(_KEEP, *values), repeatable=False
        )

    async def find(self, digest: str) -> UploadToken | None:
        """The token with that digest, expired or not."""
        row = await self._database.ask(lambda connection: connection.fetchrow(_FIND, digest))
        return UploadToken(**row) if row else None
