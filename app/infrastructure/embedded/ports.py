"""Loopback ports for SeaweedFS, which has many."""

import random
import socket
from collections.abc import Iterable, Mapping

LOOPBACK = "127.0.0.1"

GRPC_OFFSET = 10_000
"""Weed serves gRPC at the HTTP port plus this; its worker looks for the admin only there."""

_RANGE = range(20_000, 32_768 - GRPC_OFFSET)
"""Together with the gRPC ports below Linux's ephemeral ports (ip(7), ip_local_port_range), which
any outgoing connection may hold for a moment: a port kept from the last run would seem taken."""


def allot(names: Iterable[str], previous: Mapping[str, int]) -> dict[str, int]:
    """A port for each name, free with its gRPC port; the `previous` one if nobody has taken it."""
    allotted: dict[str, int] = {}
    for name in names:
        candidates = [previous.get(name, 0), *random.sample(_RANGE, len(_RANGE))]
        allotted[name] = next(port for port in candidates if _is_usable(port, allotted))
    return allotted


def with_grpc(ports: Iterable[int]) -> list[int]:
    """The ports and their gRPC ports."""
    return [number for port in ports for number in (port, port + GRPC_OFFSET)]


def _is_usable(port: int, allotted: Mapping[str, int]) -> bool:
    return (
        port in _RANGE
        and port not in allotted.values()
        and all(_is_free(number) for number in with_grpc([port]))
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections of the last run in TIME_WAIT do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
