"""Upload tokens: leave to upload, for pages that shall not hold a token of their user."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.policy import Policies
from app.domain.principal import Principal
from app.domain.upload_grant import UploadGrant, UploadToken, digest_of, new_token
from app.exceptions.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token, told once. Its files may have `max_size` bytes, by the policy too; None: any."""

    token: str
    expires_at: datetime
    max_size: int | None


class UploadTokenService:
    """`keep` and `find` are the repository's; both raise `DatabaseUnavailable`."""

    def __init__(
        self,
        *,
        keep: Callable[[UploadToken, datetime], Awaitable[None]],
        find: Callable[[str], Awaitable[UploadToken | None]],
        policies: Policies,
        clock: Callable[[], datetime],
    ) -> None:
        self._keep = keep
        self._find = find
        self._policies = policies
        self._clock = clock

    async def mint(
        self, principal: Principal, *, policy: str | None, max_size: int | None, expires_in: int
    ) -> MintedToken:
        """A new token, which never lives longer than the principal's own.

        Raises `InvalidRequest` for a policy that there is not.
        """
        token, now = new_token(), self._clock()
        chosen = self._policies.get(policy)
        expires_at = now + timedelta(seconds=expires_in)
        if principal.expires_at < expires_at.timestamp():
            expires_at = datetime.fromtimestamp(principal.expires_at, UTC)
        kept = UploadToken(
            digest=digest_of(token),
            owner=principal.subject,
            policy=chosen.name,
            max_size=max_size,
            expires_at=expires_at,
        )
        await self._keep(kept, now)
        sizes = [size for size in (chosen.max_size, max_size) if size is not None]
        return MintedToken(token, expires_at, min(sizes, default=None))

    async def grant(self, token: str) -> UploadGrant:
        """What the token allows. Raises `Unauthorized`, without repeating it."""
        kept = await self._find(digest_of(token))
        if kept is None:
            raise Unauthorized("There is no such upload token: ask POST /upload-tokens for one.")
        if self._clock() >= kept.expires_at:
            raise Unauthorized("The upload token has expired: ask POST /upload-tokens for another.")
        return kept.grant
