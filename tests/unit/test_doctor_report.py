"""The report for people, on consoles of a test's own."""

import io
from importlib import import_module

import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.cli import app
from app.cli.doctor_report import print_report
from app.domain.diagnosis import (
    Diagnosis,
    Examination,
    Finding,
    Remedy,
    failure,
    ok,
    skipped,
)
from tests.support.records import NOON

LONG = "aws s3api put-bucket-cors --bucket a-bucket --cors-configuration file://cors.json" * 2


def examined(name: str, *findings: Finding, does: str = "", fixed: str = "") -> Examination:
    return Examination(name=name, title=name.title(), findings=findings, does=does, fixed=fixed)


BROKEN = failure(
    "Pages of https://app.example.com are refused PUT.",
    why="Browsers refuse to send the bytes, with nothing but a `CORS error` on their console.",
    remedy=Remedy(text="Set these rules.", command=LONG, document={"CORSRules": [{"a": 1}]}),
    fixable=True,
)


def report(*examinations: Examination, width: int = 80, color: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, highlight=False, emoji=False)
    print_report(Diagnosis(examinations=examinations, at=NOON, seconds=1.23), console)
    return out.getvalue()


def test_what_is_well_takes_a_line() -> None:
    lines = report(examined("clock", ok("Within 1 s.")), examined("bucket", ok("Answers.")))
    assert [line.split() for line in lines.splitlines()] == [
        ["ok", "clock", "Within", "1", "s."],
        ["ok", "bucket", "Answers."],
        [],
        ["Examined", "2", "things", "in", "1.2", "s:", "no", "problems."],
    ]


def test_a_problem_says_what_why_and_what_to_do() -> None:
    text = report(examined("cors", BROKEN, does="set CORS rules"), examined("a", skipped("needs")))
    for expected in (
        "failure  cors",
        "Why: Browsers refuse",
        "Do:  Set these rules.",
        '"CORSRules": [',
        "let the doctor set CORS rules:",
        "python -m app doctor --fix --only cors",
        ": 1 problem.",
        "skipped  a",
    ):
        assert expected in text


@pytest.mark.parametrize("width", [40, 60, 120])
def test_words_are_wrapped_and_commands_are_not(width: int) -> None:
    lines = report(examined("cors", BROKEN), width=width).splitlines()
    assert f"    {LONG}" in lines
    assert all(len(line) <= width for line in lines if LONG not in line)
    assert "".join(lines).replace(" ", "").count("nothingbuta`CORSerror`on") == 1


def test_what_was_mended_is_said() -> None:
    assert "Fixed: Created it." in report(examined("a", ok("There."), fixed="Created it."))


def test_colour_is_for_terminals() -> None:
    assert "\x1b[" not in report(examined("cors", BROKEN))
    assert "\x1b[" in report(examined("cors", BROKEN), color=True)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in report(examined("cors", BROKEN), color=True)


def test_what_others_answer_does_not_steer_the_terminal() -> None:
    text = report(examined("bucket", ok("It says \x1b[2J[red]this[/red].")))
    assert "\x1b" not in text
    assert "\\x1b[2J[red]this[/red]" in text


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--json"]], ids=" ".join)
def test_what_others_have_answered_steers_no_terminal(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    r"""U+009B begins the sequences that ESC [ does."""
    found = examined("store", failure("It says \x1b[31m\x9b31m.", why="-", remedy=Remedy(text="-")))
    diagnosis = Diagnosis(examinations=[found], at=NOON, seconds=0)
    monkeypatch.setattr(import_module("app.cli.doctor"), "_diagnose", lambda *_: diagnosis)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert not {"\x1b", "\x9b"} & set(result.stdout)
