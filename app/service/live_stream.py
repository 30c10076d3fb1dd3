"""What one reader is told, in order, until there is no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.domain.change import Change, Position
from app.service.live_hub import End, Subscription


@dataclass(frozen=True, slots=True)
class Opened:
    """From `position` on nothing is left out. After a reset something before it may be."""

    position: Position
    is_reset: bool = False


Item = Opened | Change


class Stream:
    """What one reader is told. Whoever opened it must `close` it."""

    def __init__(
        self,
        subscription: Subscription,
        first: Sequence[Item],
        after: Position,
        *,
        ends_with_file: bool,
        on_close: Callable[[Subscription], None],
    ) -> None:
        self._subscription = subscription
        self._first = list(first)
        self._after = after
        self._ends_with_file = ends_with_file
        self._on_close = on_close

    @property
    def end(self) -> End:
        """Why there is no more."""
        return self._subscription.end or End.LEFT

    @property
    def is_open(self) -> bool:
        return self._subscription.end is None

    def nudge(self) -> None:
        """Have `next` return, be there anything to tell or not."""
        self._subscription.nudge()

    async def next(self) -> Sequence[Item]:
        """What there is to tell, once there is something; empty if nudged, or at the end."""
        if self._first and self.is_open:
            first, self._first = self._first, []
            return self._until_final(first)
        while changes := await self._subscription.next():
            if new := self._new(changes):
                return self._until_final(new)
        return []

    def stop(self, end: End) -> None:
        """Have `next` end."""
        self._subscription.close(end)

    def close(self) -> None:
        self.stop(End.LEFT)
        self._on_close(self._subscription)

    def _new(self, changes: Sequence[Change]) -> list[Item]:
        """Without those that were told when the reader came."""
        return [change for change in changes if change.position > self._after]

    def _until_final(self, items: list[Item]) -> list[Item]:
        for number, item in enumerate(items, start=1):
            if self._ends_with_file and isinstance(item, Change) and item.status.is_final:
                self.stop(End.FINAL)
                return items[:number]
        return items
