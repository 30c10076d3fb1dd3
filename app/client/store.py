"""The bytes, straight from a file to the store by a presigned PUT, without passing through Python.

On plain http the kernel copies them (sendfile); with TLS they pass through one small buffer.
"""

import contextlib
import http.client
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from app.client.connections import Connections, code_of
from app.client.errors import FileChanged

BLOCK = 1024**2
"""Bytes between two words of progress."""
TLS_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Slice:
    """`size` bytes of an open file from `offset` on."""

    file: BinaryIO
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """`code` is that of an S3 error, empty if there is none."""

    status: int
    code: str


class Store:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._connections = Connections()

    def close(self) -> None:
        """Once nobody sends any more."""
        self._connections.close()

    def put(
        self, url: str, slice: Slice, headers: Mapping[str, str], on_sent: Callable[[int], None]
    ) -> StoreAnswer:
        """Send the slice; `on_sent` hears of each further number of bytes.

        Raises `OSError` and `http.client.HTTPException` when there is no answer, and `FileChanged`
        when the file ends within the slice.
        """
        connection = self._connections.to(url)
        try:
            return _exchange(connection, url, slice, headers, on_sent)
        except BaseException:
            connection.close()  # in the middle of a request nothing else can be sent on it
            raise


def _exchange(
    connection: http.client.HTTPConnection,
    url: str,
    slice: Slice,
    headers: Mapping[str, str],
    on_sent: Callable[[int], None],
) -> StoreAnswer:
    _send_head(connection, url, {**headers, "Content-Length": str(slice.size)})
    try:
        _send_body(connection, slice, on_sent)
    except OSError:
        # A store that refuses does not wait for the rest, but what it said may have arrived.
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = _read(connection)
            connection.close()
            return answer
        raise
    return _read(connection)


def _send_head(
    connection: http.client.HTTPConnection, url: str, headers: Mapping[str, str]
) -> None:
    parts = urlsplit(url)
    # The host exactly as it was signed.
    connection.putrequest(
        "PUT", f"{parts.path}?{parts.query}", skip_host=True, skip_accept_encoding=True
    )
    connection.putheader("Host", parts.netloc)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()


def _send_body(
    connection: http.client.HTTPConnection, slice: Slice, on_sent: Callable[[int], None]
) -> None:
    step = _copy if isinstance(connection.sock, ssl.SSLSocket) else _sendfile
    sent = 0
    while sent < slice.size:
        count = step(connection, slice.file, slice.offset + sent, slice.size - sent)
        if count == 0:
            raise FileChanged("it became shorter while it was being uploaded; upload it again")
        sent += count
        on_sent(count)


def _sendfile(
    connection: http.client.HTTPConnection, file: BinaryIO, offset: int, left: int
) -> int:
    return int(connection.sock.sendfile(file, offset, min(left, BLOCK)))


def _copy(connection: http.client.HTTPConnection, file: BinaryIO, offset: int, left: int) -> int:
    # ssl's own sendfile reads 8 KiB at a time.
    block = os.pread(file.fileno(), min(left, TLS_BLOCK), offset)
    connection.sock.sendall(block)
    return len(block)


def _read(connection: http.client.HTTPConnection) -> StoreAnswer:
    response = connection.getresponse()
    answer = StoreAnswer(response.status, code_of(response))
    if not response.isclosed():
        connection.close()
    return answer
