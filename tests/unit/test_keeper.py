"""Engines that end are started again, however often that fails, and never after the stop."""

import threading

import pytest
from structlog.testing import capture_logs

from app.infrastructure import keeper
from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.keeper import kept

PATIENCE = 60.0


class Engine:
    """Ends when it is told to; `answers` are what its starts come to."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self._ended = threading.Event()
        self.exhausted = threading.Event()
        self.running = True

    def end(self) -> None:
        self.running = False
        self._ended.set()

    def wait(self) -> None:
        assert self._ended.wait(PATIENCE)

    def stop(self) -> None:
        self.end()

    def start(self) -> str:
        answer = self._answers.pop(0)
        if not self._answers:
            self.exhausted.set()
        if isinstance(answer, Exception):
            raise answer
        self._ended.clear()
        self.running = True
        return answer


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "FIRST_PAUSE", 0.0)


def test_it_is_started_until_it_runs() -> None:
    engine = Engine(EngineError("no"), OSError("not yet"), "here")
    with kept(engine, "Engine", "here"):
        engine.end()
        assert engine.exhausted.wait(PATIENCE)
    assert not engine.running


def test_after_the_stop_it_is_left_alone() -> None:
    engine = Engine()
    with kept(engine, "Engine", "here"):
        pass
    assert not engine.running


def test_another_address_is_said() -> None:
    engine = Engine("there")
    with capture_logs() as said, kept(engine, "Engine", "here"):
        engine.end()
        assert engine.exhausted.wait(PATIENCE)
    assert [line["log_level"] for line in said] == ["warning", "error"]
