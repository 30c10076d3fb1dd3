"""Ranges of one file until they have arrived: tried again while that can help."""

import http.client
import threading
from collections.abc import Callable

from app.client.answers import File
from app.client.api import Api
from app.client.download_errors import NotServed, Stopped
from app.client.errors import StoreUnreachable
from app.client.patience import ATTEMPTS, pauses
from app.client.store_reader import Range, StoreReader

FRESH_URLS = 3
"""For one range; what is refused under a fresh URL too is refused for another reason."""

Sink = Callable[[int, memoryview], None]
"""Told of a block and of its place in the object; the block's memory is used again."""


class Fetching:
    """Fetches ranges of `file`, each by the URL that served last. Safe to share between threads.

    Asks the service for the first URL at once. Raises as `Api`.
    """

    def __init__(self, api: Api, reader: StoreReader, file: File) -> None:
        self._api = api
        self._reader = reader
        self._file = file
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._url = api.download_url(file.id).url

    def fetch(self, first: int, size: int, sink: Sink) -> None:
        """Return when the range has arrived; after a break it goes on where that happened.

        Raises `NotServed`, `Replaced`, `StoreUnreachable`, `Stopped`, and what `Api` and `sink`
        raise.
        """
        place, end, url, fresh, failure = first, first + size, self._url, 0, "it was not asked"

        def take(block: memoryview) -> None:
            nonlocal place
            self._check()
            sink(place, block)
            place += len(block)

        if not size:
            return
        for pause in pauses():
            self._stopped.wait(pause)
            self._check()
            try:
                wanted = Range(place, end - 1, self._file.file_size)
                self._reader.read(url, self._file.etag, wanted, take)
                return
            except NotServed as refused:
                if refused.is_of_url and fresh < FRESH_URLS:
                    url, fresh = self._instead_of(url), fresh + 1
                elif not refused.passes:
                    raise
                failure = refused.s3_code or str(refused.status)
            except (OSError, http.client.HTTPException) as error:
                failure = getattr(error, "strerror", None) or type(error).__name__
        raise StoreUnreachable(f"the store did not hand it out in {ATTEMPTS} tries: {failure}")

    def stop(self) -> None:
        """Have every `fetch` end soon, by `Stopped`."""
        self._stopped.set()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Stopped("another part of the download failed")

    def _instead_of(self, url: str) -> str:
        with self._lock:
            if self._url == url:
                self._url = self._api.download_url(self._file.id).url
            return self._url
