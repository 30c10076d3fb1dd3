"""What became of uploads over time, as their owner and the operators see it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from app.domain.history import Interval, Outcomes, Period, periods

Count = Callable[[Sequence[Period], str | None], Awaitable[list[Outcomes]]]
"""The outcomes of each period, for one owner or for None of all."""


class HistoryService:
    """Raises `DatabaseUnavailable`."""

    def __init__(self, count: Count, *, clock: Callable[[], datetime]) -> None:
        self._count = count
        self._clock = clock

    async def outcomes(
        self, interval: Interval, count: int, *, owner: str | None = None
    ) -> list[Outcomes]:
        """Of the last `count` hours or days, the one under way included; oldest first."""
        return await self._count(periods(interval, count, self._clock()), owner)
