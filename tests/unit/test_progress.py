"""A bar for a list that is worked through."""

import io
import sys

import pytest

from app.cli.progress import watched
from tests.unit.test_reconcile_progress import Terminal


@pytest.mark.parametrize(("err", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_a_terminal_alone_sees_how_much_is_done(
    monkeypatch: pytest.MonkeyPatch, err: io.StringIO, shown: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", err)
    assert list(watched([4, 5], "messages")) == [4, 5]
    assert ("messages" in err.getvalue(), "2/2" in err.getvalue()) == (shown, shown)
