"""Coverage follows every process that a test starts, which doubles the work of a start."""

import pytest

FOLLOW = "COVERAGE_PROCESS_CONFIG"
"""https://coverage.readthedocs.io/en/latest/config.html#run-patch says `subprocess` of it."""


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not follow what this test starts: who is killed, or imports alone, tells it nothing
    that others do not."""
    monkeypatch.delenv(FOLLOW, raising=False)
