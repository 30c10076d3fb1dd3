"""Loopback ports for engines that need many."""

import random
import socket
from collections.abc import Iterable, Mapping

LOOPBACK = "127.0.0.1"

_RANGE = range(20_000, 32_768)
"""Below Linux's ephemeral ports (ip(7), ip_local_port_range), which any outgoing connection may
hold for a moment: a port kept from the last run would seem to be taken."""


def allot(names: Iterable[str], previous: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name, the `previous` one where nobody has taken it."""
    allotted: dict[str, int] = {}
    for name in names:
        port = previous.get(name, 0)
        allotted[name] = port if _is_usable(port, allotted) else _pick(allotted)
    return allotted


def _pick(allotted: Mapping[str, int]) -> int:
    candidates = random.sample(_RANGE, len(_RANGE))
    return next(port for port in candidates if _is_usable(port, allotted))


def _is_usable(port: int, allotted: Mapping[str, int]) -> bool:
    return port in _RANGE and port not in allotted.values() and is_free(port)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
