"""Ranges of an object, from the store by a presigned GET, block by block."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.client.connections import Connections, code_of
from app.client.download_errors import NotServed, Replaced, Unranged

BLOCK = 1024**2
"""Bytes, of which each thread has room for that many."""

OnBlock = Callable[[memoryview], None]
"""Told of each further block, whose memory is used again afterwards."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes `first` to `last`, both included, of an object of `total` bytes (RFC 9110, 14.1.2)."""

    first: int
    last: int
    total: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    @property
    def is_whole(self) -> bool:
        return self.size == self.total


class StoreReader:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._connections = Connections()
        self._local = threading.local()

    def read(self, url: str, etag: str | None, wanted: Range, on_block: OnBlock) -> None:
        """Have `on_block` take the range, of no other object than that with the ETag.

        Raises `OSError` and `http.client.HTTPException` when it does not arrive, `NotServed`,
        `Replaced` and `Unranged` when the store says so, and what `on_block` raises.
        """
        connection = self._connections.to(url)
        try:
            response = _ask(connection, url, etag, wanted)
            _check(response, etag, wanted)
            _take(response, wanted.size, self._buffer(), on_block)
        except BaseException:
            connection.close()  # with half an answer in it nothing else can be asked
            raise
        if not response.isclosed():  # the end of a chunked answer
            connection.close()

    def cut(self) -> None:
        """Let nobody wait on a connection any longer."""
        self._connections.cut()

    def close(self) -> None:
        """Once nobody reads any more."""
        self._connections.close()

    def _buffer(self) -> memoryview:
        if not hasattr(self._local, "buffer"):
            self._local.buffer = memoryview(bytearray(BLOCK))
        return self._local.buffer  # type: ignore[no-any-return]


def _ask(
    connection: http.client.HTTPConnection, url: str, etag: str | None, wanted: Range
) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    headers = {"Range": f"bytes={wanted.first}-{wanted.last}", "Accept-Encoding": "identity"}
    if etag is not None:
        headers["If-Match"] = f'"{etag}"'
    # The host exactly as it was signed.
    connection.request(
        "GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc, **headers}
    )
    return connection.getresponse()


def _check(response: http.client.HTTPResponse, etag: str | None, wanted: Range) -> None:
    if response.status not in (200, 206):
        _refuse(response)
    # A store that does not know If-Match still says what it sends.
    if etag is not None and response.headers.get("ETag", etag).strip('"') != etag:
        raise Replaced
    if response.status == 200 and not wanted.is_whole:
        raise Unranged
    if response.status == 206 and response.headers.get("Content-Range") != _content_range(wanted):
        raise Replaced
    if response.length not in (None, wanted.size):
        raise Replaced


def _refuse(response: http.client.HTTPResponse) -> None:
    if response.status in (412, 416):
        raise Replaced
    raise NotServed(response.status, code_of(response))


def _content_range(wanted: Range) -> str:
    return f"bytes {wanted.first}-{wanted.last}/{wanted.total}"


def _take(
    response: http.client.HTTPResponse, size: int, buffer: memoryview, on_block: OnBlock
) -> None:
    left = size
    while left:
        count = response.readinto(buffer[: min(left, len(buffer))])
        if not count:
            raise ConnectionError("the connection ended early")
        on_block(buffer[:count])
        left -= count
