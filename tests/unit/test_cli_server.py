"""What becomes of the service when its workers do not start."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.config import STARTUP_FAILURE

from app.cli import server
from app.cli.errors import CommandError
from app.settings import Settings


@pytest.mark.parametrize(("exitcode", "fails"), [(STARTUP_FAILURE, True), (0, False), (-15, False)])
def test_workers_that_do_not_start_are_an_error(
    monkeypatch: pytest.MonkeyPatch, exitcode: int, fails: bool
) -> None:
    class Ended:
        def __init__(self, *_: Any) -> None:
            self.processes = [SimpleNamespace(exitcode=exitcode)]

        def run(self) -> None: ...

    monkeypatch.setattr(server, "Multiprocess", Ended)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    settings = Settings(_env_file=None, workers=2)
    with socket.socket() as listener:
        if fails:
            with pytest.raises(CommandError, match="did not start"):
                server.run_server(settings, settings, listener)
        else:
            server.run_server(settings, settings, listener)
