"""A real Redis for one test: killed, frozen and brought back at will."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from tests.support.processes import eventually, free_port


class RedisServer:
    """`redis-server` on a loopback port of its own, keeping nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = shutil.which("redis-server")
        assert binary is not None
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", "/"]
        self._process = subprocess.Popen(
            [binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self._answers, "redis-server answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def require_redis(skip: Callable[[str], object] = pytest.skip) -> None:
    """Skip where redis-server is not installed, but fail where it must be: in CI."""
    if shutil.which("redis-server") is None:
        reason = "redis-server is not installed (apt install redis-server)"
        if os.environ.get("SLIPWAY_CI") == "1":
            pytest.fail(reason)
        skip(reason)
