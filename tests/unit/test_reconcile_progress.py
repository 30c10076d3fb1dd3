"""What somebody who watches a comparison sees of it."""

import io
import sys

import pytest

from app.cli.reconcile_progress import progress
from app.service.reconcile import Stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _capable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def _look(monkeypatch: pytest.MonkeyPatch, out: io.StringIO, err: io.StringIO) -> tuple[str, str]:
    """What a comparison with one finding writes to these two."""
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with progress(4) as on_seen:
        on_seen(Stage.OBJECTS, 2)
        on_seen(Stage.OBJECTS, 1)
        sys.stdout.write("a finding\n")
        on_seen(Stage.UPLOADS, 7)
    return out.getvalue(), err.getvalue()


def test_a_terminal_sees_how_far_each_stage_is(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = _look(monkeypatch, io.StringIO(), Terminal())
    end = err.rpartition("objects")[2]
    assert "3/3" in end  # the stage has ended, whatever the estimate was
    assert "unfinished uploads" in end
    assert "7/?" in end
    assert out == "a finding\n"


def test_what_is_printed_to_the_same_terminal_stands_above_the_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, err = _look(monkeypatch, Terminal(), Terminal())
    assert (out, "a finding" in err) == ("", True)


def test_a_log_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _look(monkeypatch, Terminal(), io.StringIO()) == ("a finding\n", "")
