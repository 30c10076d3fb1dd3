"""Files that were sent, reported together."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from app.client.answers import File
from app.client.api import Api
from app.client.errors import Refused, ends_everything
from app.client.patience import pauses

T = TypeVar("T")

TOGETHER = 100
"""Files in one report, of the thousand that there may be: a display counts on as they come."""
LONGEST_WAIT = 2.0
"""Seconds; nothing that was sent waits longer for one more file before it is reported."""


class Reports:
    """Says which files were sent, and hears what the service finds of each."""

    def __init__(self, api: Api, pause: Callable[[float], None] = time.sleep) -> None:
        self._api = api
        self._pause = pause

    def uploaded(self, ids: Sequence[str]) -> list[File | Refused]:
        """The outcome of each, in order; what passes by itself is reported again, for a minute.

        Raises what ends everything (`app.client.errors.ends_everything`).
        """
        found: dict[str, File | Refused] = {}
        for pause in pauses():
            left = [one for one in dict.fromkeys(ids) if _may_change(found.get(one))]
            if not left:
                break
            self._pause(pause)
            found |= zip(left, self._asked(left), strict=True)
        return [found[one] for one in ids]

    def _asked(self, ids: Sequence[str]) -> Sequence[File | Refused]:
        try:
            return self._api.uploaded(ids)
        except Refused as refused:
            if ends_everything(refused):
                raise
            return [refused] * len(ids)


def _may_change(found: File | Refused | None) -> bool:
    return found is None or (isinstance(found, Refused) and found.passes)


def groups(items: Iterable[T], now: Callable[[], float] = time.monotonic) -> Iterator[list[T]]:
    """In order: TOGETHER items, or fewer when LONGEST_WAIT is over as one comes."""
    group: list[T] = []
    since = now()
    for item in items:
        group.append(item)
        if len(group) == TOGETHER or now() - since >= LONGEST_WAIT:
            yield group
            group, since = [], now()
    if group:
        yield group
