"""One PUT until it has arrived: tried again while that can help, by a fresh URL when one ended."""

import http.client
import time
from collections.abc import Callable, Mapping

from app.client.errors import StoreRefused, StoreUnreachable
from app.client.patience import ATTEMPTS, pauses
from app.client.store import Slice, Store

FRESH_URLS = 3
"""For one slice; what is refused under a fresh URL too is refused for another reason."""

Progress = Callable[[int], None]


class Delivery:
    """Sends slices to the store. Safe to share between threads."""

    def __init__(self, store: Store, pause: Callable[[float], None] = time.sleep) -> None:
        self._store = store
        self._pause = pause

    def deliver(
        self,
        slice: Slice,
        url: str,
        on_sent: Progress,
        *,
        headers: Mapping[str, str] | None = None,
        fresh_url: Callable[[str], str] | None = None,
    ) -> None:
        """Return when the store has the slice; `on_sent` hears the bytes, less those that failed.

        `fresh_url` gives a URL in place of one that is refused. Raises `StoreRefused`,
        `StoreUnreachable`, `FileChanged`, and what `fresh_url` raises.
        """
        fresh, failure = 0, "it was not tried"
        for pause in pauses():
            self._pause(pause)
            try:
                return self._send(slice, url, headers or {}, on_sent)
            except StoreRefused as refused:
                if fresh_url and refused.is_of_url and fresh < FRESH_URLS:
                    url, fresh = fresh_url(url), fresh + 1
                elif not refused.passes:
                    raise
                failure = refused.s3_code or str(refused.status)
            except (OSError, http.client.HTTPException) as error:
                failure = getattr(error, "strerror", None) or type(error).__name__
        raise StoreUnreachable(f"the store did not take the bytes in {ATTEMPTS} tries: {failure}")

    def _send(self, slice: Slice, url: str, headers: Mapping[str, str], on_sent: Progress) -> None:
        sent = 0

        def count(number: int) -> None:
            nonlocal sent
            sent += number
            on_sent(number)

        try:
            answer = self._store.put(url, slice, headers, count)
            # 412: it was written by a try whose answer was lost. The service looks at it anyway.
            if answer.status not in (200, 412):
                raise StoreRefused(answer.status, answer.code)
        except BaseException:
            on_sent(-sent)
            raise
