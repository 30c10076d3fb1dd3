"""Where the parts of one upload go: URLs that are asked for as they are needed."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from app.client.answers import File
from app.client.api import Api

AT_ONCE = 64
"""URLs that are asked for at once: a gigabyte of parts of the usual size."""

_USABLE = 0.8
"""Of a URL's life; then it is not begun with any more."""


class PartAddresses:
    """The URLs for the parts `numbers` of `file`, in that order. Safe to share between threads."""

    def __init__(self, api: Api, file: File, numbers: Sequence[int]) -> None:
        self._api = api
        self._id = file.id
        self._numbers = numbers
        self._place = {number: place for place, number in enumerate(numbers)}
        self._lock = threading.Lock()
        self._urls = dict(file.part_urls)
        self._good_until = time.monotonic() + _USABLE * file.expires_in

    def of(self, number: int) -> str:
        """A URL that has not ended, as far as can be told from here. Raises as `Api` does."""
        with self._lock:
            if number not in self._urls or time.monotonic() > self._good_until:
                self._ask(number)
            return self._urls[number]

    def instead_of(self, number: int, url: str) -> str:
        """Another URL for a part whose `url` was refused."""
        with self._lock:
            if self._urls.get(number) == url:
                self._urls.clear()
        return self.of(number)

    def _ask(self, number: int) -> None:
        place = self._place[number]
        fresh = self._api.part_urls(self._id, self._numbers[place : place + AT_ONCE])
        life = (fresh.expires_at - datetime.now(UTC)).total_seconds()
        self._urls = dict(fresh.urls)
        self._good_until = time.monotonic() + _USABLE * life
