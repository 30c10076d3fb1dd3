"""The socket that clients connect to, taken before anything else is started."""

import errno
import socket
import time

from app.cli.errors import CommandError

BACKLOG = 2048
"""Connections that wait to be accepted; the kernel caps it (listen(2))."""

RELEASE_TIMEOUT = 1.0
"""Seconds for which we wait for a port: after a kill -9 the kernel still takes the workers down."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises CommandError when it cannot be had."""
    deadline = time.monotonic() + RELEASE_TIMEOUT
    while True:
        try:
            return _listen(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise CommandError(_explain(host, port, error)) from None
            time.sleep(0.05)


def _listen(host: str, port: int) -> socket.socket:
    candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` names two addresses: most clients try the IPv4 one.
    family, *_, address = min(candidates, key=lambda found: found[0] != socket.AF_INET)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def port_of(listener: socket.socket) -> int:
    """The port that was taken, also when port 0 was asked for."""
    return int(listener.getsockname()[1])


def url_of(listener: socket.socket) -> str:
    """The base URL at which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken: stop what listens there, or set another PORT"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
