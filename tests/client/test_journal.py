"""What an upload remembers of itself."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from app.client.answers import File
from app.client.errors import Busy, Unkept, ends_everything
from app.client.journal import LIFE, journal, state_directory
from app.client.source import Source
from app.domain.file import FileStatus, UploadMethod

FILM = Source("/srv/me/film.mp4", "film.mp4", 9, 1)
NOTES = Source("/srv/me/notes.txt", "notes.txt", 5, 1)


def file(id: str, method: UploadMethod = UploadMethod.MULTIPART, **changes: object) -> File:
    plain = {"key": f"uploads/{id}", "filename": "f", "type": "a/b", "file_size": 9}
    rest = {"status": FileStatus.PENDING, "policy": "default", "created_at": ""}
    return File(id=id, method=method, **(plain | rest | changes))  # type: ignore[arg-type]


def test_it_is_kept_until_nothing_is_left_to_do(tmp_path: Path) -> None:
    with journal(tmp_path, "upload", "film") as kept:
        kept.begun(FILM, file("1"))
        kept.begun(NOTES, file("2", UploadMethod.PUT))
        kept.done(NOTES, file("2", UploadMethod.PUT, status=FileStatus.UPLOADED))
    with journal(tmp_path, "upload", "film") as kept:
        film, notes = kept.entry(FILM), kept.entry(NOTES)
        assert film
        assert notes
        assert (film.id, film.in_parts, film.status) == ("1", True, None)
        assert (notes.id, notes.in_parts, notes.status) == ("2", False, "uploaded")
        kept.is_settled = True
    with journal(tmp_path, "upload", "film") as kept:
        assert kept.entry(FILM) is None


def test_commands_are_kept_apart(tmp_path: Path) -> None:
    with journal(tmp_path, "url", "alice") as hers, journal(tmp_path, "url", "bob") as his:
        hers.begun(FILM, file("1"))
        assert his.entry(FILM) is None
        assert hers.key([FILM]) != his.key([FILM])


def test_a_line_that_was_cut_off_costs_nothing_else(tmp_path: Path) -> None:
    with journal(tmp_path, "upload") as kept:
        kept.begun(FILM, file("1"))
        kept.begun(NOTES, file("2"))
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    with journal(tmp_path, "upload") as kept:
        assert kept.entry(NOTES) is None
        kept.begun(NOTES, file("3"))
    with journal(tmp_path, "upload") as kept:
        film, notes = kept.entry(FILM), kept.entry(NOTES)
        assert film
        assert notes
        assert (film.id, notes.id) == ("1", "3")


def test_only_one_process_has_it(tmp_path: Path) -> None:
    with (
        journal(tmp_path, "upload"),
        pytest.raises(Busy, match="running already"),
        journal(tmp_path, "upload"),
    ):
        pass
    with journal(tmp_path, "upload"):
        pass


def test_what_another_process_has_just_ended_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the opening and the lock."""
    flock = fcntl.flock

    def ended_meanwhile(descriptor: int, how: int) -> None:
        [path] = tmp_path.iterdir()
        path.unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", ended_meanwhile)
    with pytest.raises(Busy), journal(tmp_path, "upload"):
        pass


def test_a_full_disk_is_not_blamed_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with journal(tmp_path, "upload") as kept:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(Unkept, match=f"{tmp_path}: No space left") as failed:
            kept.begun(FILM, file("1"))
    assert ends_everything(failed.value)


def test_the_key_of_a_creation_is_the_same_after_a_crash(tmp_path: Path) -> None:
    with journal(tmp_path, "upload") as kept:
        key = kept.key([FILM])
        assert key != kept.key([NOTES])
    with journal(tmp_path, "upload") as kept:
        assert kept.key([FILM]) == key
        kept.begun(FILM, file("1"))
        assert kept.key([FILM]) != key, "what is begun anew is another upload"
        kept.is_settled = True
    with journal(tmp_path, "upload") as kept:
        assert kept.key([FILM]) != key, "and so is that of a later command"


def test_it_is_the_users_alone(tmp_path: Path) -> None:
    with journal(tmp_path / "state", "upload"):
        [path] = (tmp_path / "state").iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_what_nobody_goes_on_with_is_forgotten(tmp_path: Path) -> None:
    with journal(tmp_path, "long ago"), journal(tmp_path, "yesterday"):
        pass
    old, _ = sorted(tmp_path.iterdir())
    os.utime(old, (0, old.stat().st_mtime - LIFE - 60))
    with journal(tmp_path, "today"):
        assert not old.exists()
        assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"XDG_STATE_HOME": "/var/state"}, "/var/state/slipway/uploads"),
        ({"XDG_STATE_HOME": "relative"}, "/srv/me/.local/state/slipway/uploads"),
        ({}, "/srv/me/.local/state/slipway/uploads"),
    ],
)
def test_it_lies_where_state_lies(
    environ: dict[str, str], directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/srv/me")
    assert state_directory(environ) == Path(directory)
