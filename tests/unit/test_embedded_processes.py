"""Children that do not start, do not stop, or were left behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.processes import (
    complaint,
    has_ended,
    spawn,
    stop,
    stop_orphans,
    wait_until,
)
from tests.support.processes import bystander, eventually

STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("ready").touch()
time.sleep(600)
"""


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A `weed` that ignores SIGTERM."""
    program = tmp_path / "weed"
    program.symlink_to(sys.executable)
    process = spawn(
        [str(program), "-I", "-c", STUBBORN, f"-dir={tmp_path}"],
        directory=tmp_path,
        log=tmp_path / "log",
        stop_signal=signal.SIGKILL,
    )
    eventually((tmp_path / "ready").exists, "it ignores SIGTERM")
    yield process
    process.kill()
    process.wait()


def test_who_does_not_stop_is_killed(stubborn: "subprocess.Popen[bytes]") -> None:
    stop(stubborn, signal.SIGTERM, 0.1)
    assert stubborn.returncode == -signal.SIGKILL


def test_an_orphan_that_does_not_stop_is_killed(
    stubborn: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    stop_orphans("weed", f"-dir={tmp_path}", signal.SIGTERM, 0.1)
    assert stubborn.poll() is not None


def test_only_an_engine_of_this_very_directory_is_an_orphan(
    stubborn: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    with bystander():
        stop_orphans("weed", f"-dir={tmp_path}/other", signal.SIGKILL, 0.1)
        stop_orphans("weed", f"-dir={tmp_path.parent}", signal.SIGKILL, 0.1)
        stop_orphans("postgres", f"-dir={tmp_path}", signal.SIGKILL, 0.1)
    assert stubborn.poll() is None


def test_one_that_nobody_reaps_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(child.pid)
    eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, "it is a zombie")
    assert has_ended(process)
    child.wait()
    assert has_ended(process)


def test_a_child_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "secret")
    log = tmp_path / "log"
    child = spawn(["/usr/bin/env"], directory=tmp_path, log=log, stop_signal=signal.SIGKILL)
    assert child.wait(30) == 0
    assert {line.partition("=")[0] for line in log.read_text().splitlines()} <= {
        "PATH",
        "LC_ALL",
        "PWD",
    }


def test_says_which_engine_is_not_ready_in_time(tmp_path: Path) -> None:
    with bystander() as process, pytest.raises(EngineError, match="Engine was not ready"):
        wait_until(lambda: False, process, log=tmp_path / "log", name="Engine", timeout=0.05)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "LOG: up\nFATAL: disk full\nDETAIL: 0 left\nLOG: down\n",
            "FATAL: disk full; DETAIL: 0 left",
        ),
        ("one\ntwo\n\n", "two"),
        ("", "it wrote no log"),
    ],
)
def test_quotes_what_the_log_complains_of(log: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(log)
    assert said in complaint(tmp_path / "log")
