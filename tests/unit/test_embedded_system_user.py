"""What root opens for the user that PostgreSQL runs as, and what it leaves closed."""

import logging
import os
import stat
import subprocess
from pathlib import Path

import pytest

from app.infrastructure.embedded import system_user
from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.system_user import let_in, let_read, unprivileged_user


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_closed_ancestors_are_opened_and_only_for_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed, open_, inner = (tmp_path / part for part in ("a", "a/b", "a/b/c"))
    for directory, bits in ((closed, 0o700), (open_, 0o750 | 0o001), (inner, 0o700)):
        directory.mkdir()
        directory.chmod(bits)
    with caplog.at_level(logging.WARNING):
        let_in(inner)
    assert [mode(directory) for directory in (closed, open_, inner)] == [0o701, 0o751, 0o700]
    assert f"opened {closed} " in caplog.text
    assert f"opened {open_} " not in caplog.text


def test_an_installation_made_under_a_strict_umask_is_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = tmp_path / "pginstall"
    (tree / "bin").mkdir(parents=True)
    for path, bits in ((tree / "bin/postgres", 0o700), (tree / "bin/readme", 0o600)):
        path.touch()
        path.chmod(bits)
    for directory in (tree / "bin", tree):
        directory.chmod(0o700)
    with caplog.at_level(logging.WARNING):
        let_read(tree)
        let_read(tree)
    assert [mode(tree / "bin" / name) for name in ("postgres", "readme")] == [0o705, 0o604]
    assert [mode(tree), mode(tree / "bin")] == [0o705, 0o705]
    assert caplog.text.count("opened") == 1


def test_nobody_but_root_needs_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged_user() is None


def test_says_what_to_do_when_the_user_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "useradd")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_user, "NAME", "no-such-user-of-slipway")
    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(EngineError, match="set DATABASE_URL"):
        unprivileged_user()
