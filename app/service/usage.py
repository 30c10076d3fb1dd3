"""What owners hold and may hold, as they and the administrators see it."""

import structlog

from app.domain.ports import UsageRepository
from app.domain.principal import Principal
from app.domain.usage import Limits, Standing

log = structlog.get_logger(__name__)


class UsageService:
    """Every change of somebody's limits leaves a line in the log that names who made it."""

    def __init__(self, repository: UsageRepository) -> None:
        self._repository = repository

    async def standing(self, owner: str) -> Standing:
        """All zeros under the default limits for an owner who has nothing."""
        return await self._repository.standing(owner)

    async def set_limits(self, admin: Principal, owner: str, limits: Limits | None) -> Standing:
        """Limits of the owner's own, or the default ones again for None.

        What they hold already stays, even beyond a lower limit.
        """
        await self._repository.set_limits(owner, limits)
        log.info("limits changed", of=owner, by=admin.subject, limits=repr(limits))
        return await self._repository.standing(owner)
