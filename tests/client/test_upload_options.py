"""Wrong commands: nothing is begun, and the message says what is wrong."""

import sys

import pytest

from app.cli import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--metadata", "=v", "a"], "'=v' is not KEY=VALUE"),
        (["--metadata", "k", "a"], "'k' is not KEY=VALUE"),
        (["--type", "text", "a"], "must be a media type"),
        (["-", "a"], "standard input (-) is uploaded alone"),
        (["-", "--token-file", "-"], "standard input cannot be both"),
        (["--parallel", "0", "a"], "greater than or equal to 1"),
        ([], "PATH"),
        (["a", "--url", "localhost"], "must look like https://files.example.com"),
        (["a", "--token", "two words"], "a token is one word"),
        (["a", "--token-file", "nowhere"], "the token cannot be read from nowhere: No such file"),
        (["a"], "no token: set SLIPWAY_TOKEN"),
    ],
)
def test_a_wrong_command_is_not_begun(
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"SLIPWAY_URL": "http://127.0.0.1:9"}
    if "--url" in arguments:
        given["SLIPWAY_TOKEN"] = "a.b.c"
    for name in ("SLIPWAY_URL", "SLIPWAY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["slipway", "upload", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert told in " ".join(err.replace("│", " ").split())
