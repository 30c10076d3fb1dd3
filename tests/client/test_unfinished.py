"""A download on its way to its target, and what may be in its way there."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.client.answers import File
from app.client.download_errors import BadTarget, Exists, NoSpace
from app.client.errors import Busy
from app.client.target import Target, target_for
from app.client.unfinished import PART_SIZE, Unfinished, unfinished
from app.schemas.response.file_response import EXAMPLE

SIZE = PART_SIZE + 5


def file(**changes: Any) -> File:
    return File.of(EXAMPLE | {"file_size": SIZE, "etag": "first", "filename": "film"} | changes)


def fill(begun: Unfinished, number: int) -> None:
    begun.write((number - 1) * PART_SIZE, memoryview(b"%d" % number * begun.plan.size_of(number)))
    begun.done(number)


def one_part(folder: Path) -> None:
    """A first run that ended with one part done."""
    with unfinished(file(), folder) as begun:
        assert begun.missing == [1, 2]
        fill(begun, 1)


def fill_a_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second part does not fit."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with unfinished(file(), folder) as begun:
        fill(begun, 1)
        monkeypatch.setattr(os, "pwrite", full)
        fill(begun, 2)


def notes(folder: Path) -> Path:
    [path] = folder.glob(".slipway-*.json")
    return path


def missing(folder: Path, **changes: Any) -> list[int]:
    with unfinished(file(**changes), folder) as begun:
        return begun.missing


class TestGoingOn:
    def test_it_goes_on_with_what_is_missing(self, tmp_path: Path) -> None:
        one_part(tmp_path)
        with unfinished(file(), tmp_path) as begun:
            assert (begun.missing, begun.size_done) == ([2], PART_SIZE)
            fill(begun, 2)
            begun.become(Target(tmp_path / "film"))
        assert (tmp_path / "film").read_bytes() == b"1" * PART_SIZE + b"22222"
        assert [path.name for path in tmp_path.iterdir()] == ["film"]

    def test_a_line_that_was_cut_off_is_not_counted(self, tmp_path: Path) -> None:
        one_part(tmp_path)
        with notes(tmp_path).open("a") as opened:
            opened.write("[]\n[7]\n{}\n[2")
        with unfinished(file(), tmp_path) as begun:
            assert begun.missing == [2]
            fill(begun, 2)
        assert missing(tmp_path) == []

    def test_another_object_starts_afresh(self, tmp_path: Path) -> None:
        one_part(tmp_path)
        assert missing(tmp_path, etag="second") == [1, 2]

    def test_notes_without_their_bytes_are_worth_nothing(self, tmp_path: Path) -> None:
        one_part(tmp_path)
        notes(tmp_path).with_suffix(".part").unlink()
        assert missing(tmp_path) == [1, 2]

    def test_notes_that_are_none_are_worth_nothing(self, tmp_path: Path) -> None:
        one_part(tmp_path)
        notes(tmp_path).write_bytes(b'\xff\x00"[1]"\n[]')
        assert missing(tmp_path) == [1, 2]

    def test_what_had_nothing_yet_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), unfinished(file(), tmp_path):
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []

    def test_only_one_is_at_it(self, tmp_path: Path) -> None:
        with unfinished(file(), tmp_path), pytest.raises(Busy), unfinished(file(), tmp_path):
            pass

    def test_a_link_in_its_place_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").touch()
        (tmp_path / f".slipway-{file().id}.part").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BadTarget), unfinished(file(), tmp_path):
            pass
        assert (tmp_path / "elsewhere").read_bytes() == b""

    def test_a_file_with_another_name_is_not_written_to(self, tmp_path: Path) -> None:
        """As a run leaves it that was killed between the two names of the finished file."""
        (tmp_path / "mine").write_text("mine")
        os.link(tmp_path / "mine", tmp_path / f".slipway-{file().id}.part")
        assert missing(tmp_path) == [1, 2]
        assert (tmp_path / "mine").read_text() == "mine"


class TestFullDisk:
    def test_it_is_told_before_anything_is_fetched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Usage(NamedTuple):
            free: int

        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(SIZE - 1))
        expected = f"room for {SIZE - 1} bytes, and {SIZE} are to come"
        with pytest.raises(NoSpace, match=expected), unfinished(file(), tmp_path) as begun:
            begun.check_space()

    def test_what_fitted_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(NoSpace, match="is full"):
            fill_a_disk(tmp_path, monkeypatch)
        monkeypatch.undo()
        assert missing(tmp_path) == [2]


class TestTarget:
    def test_a_name_leads_nowhere_but_into_the_folder(self, tmp_path: Path) -> None:
        target = target_for(file(filename="../../.ssh/keys"), str(tmp_path), replace=False)
        assert target.path == tmp_path / "_.._.ssh_keys"

    def test_without_a_folder_it_is_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert target_for(file(), None, replace=False).path == Path("film")

    def test_a_link_is_in_the_way_even_if_it_leads_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "film").symlink_to("nowhere")
        with pytest.raises(Exists):
            target_for(file(), str(tmp_path), replace=False)

    def test_a_link_is_replaced_and_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_text("mine")
        (tmp_path / "film").symlink_to("elsewhere")
        target = target_for(file(), str(tmp_path), replace=True)
        with unfinished(file(), tmp_path) as begun:
            begun.become(target)
        assert not (tmp_path / "film").is_symlink()
        assert (tmp_path / "elsewhere").read_text() == "mine"

    @pytest.mark.parametrize("replace", [False, True])
    def test_a_device_or_a_pipe_is_no_place_for_a_file(self, tmp_path: Path, replace: bool) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(BadTarget, match="use -o - and >"):
            target_for(file(), str(tmp_path / "pipe"), replace=replace)

    def test_a_folder_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(BadTarget, match="create it first"):
            target_for(file(), str(tmp_path / "no") + "/", replace=False)

    def test_a_file_system_without_links_replaces_nothing_either(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def without_links(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", without_links)
        with unfinished(file(), tmp_path) as begun:
            (tmp_path / "film").write_text("mine")
            with pytest.raises(Exists):
                begun.become(Target(tmp_path / "film"))
            begun.become(Target(tmp_path / "other"))
        assert (tmp_path / "film").read_text() == "mine"
        assert (tmp_path / "other").stat().st_size == SIZE
