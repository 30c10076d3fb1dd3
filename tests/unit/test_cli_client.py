"""Commands that speak to a service, given what they cannot use: nobody is asked anything."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from app.cli import main
from app.client import transport

ID, OTHER = (f"{number:032}" for number in (1, 2))


@pytest.mark.parametrize(
    "arguments",
    [
        ["download"],
        ["download", "../../etc/passwd"],
        ["download", ID, "-o", "-", "--json"],
        ["download", ID, OTHER, "-o", "one-file"],
        ["download", ID, OTHER, "-o", "-"],
        ["download", ID, "--parallel", "0"],
        ["ls", "--limit", "0"],
        ["ls", "--status", "sunk"],
        ["rm", "--yes"],
        ["rm", "--yes", "everything"],
    ],
)
def test_a_wrong_command_is_not_begun(
    arguments: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(transport.Transport, "call", lambda *call, **_: asked.append(call))
    monkeypatch.setenv("SLIPWAY_TOKEN", "a-token")
    monkeypatch.setattr(sys, "argv", ["slipway", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, asked) == (2, "", [])
    assert "Error" in err


def test_a_client_waits_for_nothing_that_runs_the_service() -> None:
    """Each is a tenth of a second of every command."""
    program = (
        "import sys\n"
        "from app.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "upload", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = set(ended.stderr.split())
    assert "app.client.uploads" in imported
    assert not imported & {"app.settings", "app.container", "fastapi", "sqlalchemy", "boto3"}


def test_a_misspelt_command_is_told_what_it_may_have_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["slipway", "uplaod"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "'upload'" in capsys.readouterr().err
