"""Connections to stores, one for each thread and host, and what stores say on them."""

import contextlib
import http.client
import re
import socket
import ssl
import threading
from urllib.parse import urlsplit

TIMEOUT = 60.0
"""Seconds without a byte in either direction."""

_MOST_OF_AN_ERROR = 65536
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")


class Connections:
    """Safe to share between threads. Certificates are checked against those of the system."""

    def __init__(self) -> None:
        self._tls = ssl.create_default_context()
        self._local = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def to(self, url: str) -> http.client.HTTPConnection:
        """This thread's, which it may have used before."""
        parts = urlsplit(url)
        known: dict[str, http.client.HTTPConnection] = self._local.__dict__
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in known:
            known[place] = self._new(parts.scheme, parts.netloc)
            self._all.append(known[place])
        return known[place]

    def cut(self) -> None:
        """Let nobody wait on a connection any longer."""
        for connection in list(self._all):
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    # Not that of TLS, which would take the keys away from the thread that reads.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Once nobody uses them any more."""
        for connection in self._all:
            connection.close()

    def _new(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(netloc, timeout=TIMEOUT, context=self._tls)
        return http.client.HTTPConnection(netloc, timeout=TIMEOUT)


def code_of(response: http.client.HTTPResponse) -> str:
    """The code of an S3 error, empty if there is none; reads the body, of which it takes little."""
    code = _CODE.search(response.read(_MOST_OF_AN_ERROR))
    return code.group(1).decode() if code else ""
