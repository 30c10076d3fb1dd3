"""From paths to batches, and what is asked for each file."""

import base64
import io
import os
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.client.answers import File, PartUrls
from app.client.digest import crc32_of, declared
from app.client.errors import FileChanged, Unusable
from app.client.part_addresses import AT_ONCE, PartAddresses
from app.client.source import Source
from app.client.spool import spooled
from app.client.uploads import BATCH, BATCH_BYTES, SMALL, batches
from app.client.walk import find
from app.client.wish import Options, guessed_type, wish_for
from tests.client.test_journal import file


def names(*paths: Path) -> list[str]:
    return [name for name, _ in find([str(path) for path in paths])]


def source(size: int = 5, name: str = "a.txt", folder: bool = False) -> Source:
    return Source("/a", name, size, 1, folder=folder)


class TestFinding:
    def test_names_begin_with_the_folder_that_was_named(self, tmp_path: Path) -> None:
        for name in ("photos/b/2.jpg", "photos/1.jpg", "notes.txt"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")
        assert names(tmp_path / "photos", tmp_path / "notes.txt") == [
            "photos/1.jpg",
            "photos/b/2.jpg",
            "notes.txt",
        ]
        [(_, notes)] = find([str(tmp_path / "notes.txt")])
        assert isinstance(notes, Source)
        assert not notes.folder

    def test_a_dot_has_a_name_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a").write_text("x")
        monkeypatch.chdir(tmp_path)
        assert [name for name, _ in find(["."])] == [f"{tmp_path.name}/a"]

    def test_links_are_followed_but_not_in_circles(self, tmp_path: Path) -> None:
        (tmp_path / "all/below").mkdir(parents=True)
        (tmp_path / "all/below/a").write_text("x")
        (tmp_path / "all/below/up").symlink_to(tmp_path / "all")
        (tmp_path / "all/itself").symlink_to("itself")
        (tmp_path / "all/twice").symlink_to(tmp_path / "all/below")
        found = dict(find([str(tmp_path / "all")]))
        assert list(found) == ["all/below/a", "all/itself", "all/twice/a"]
        assert isinstance(found["all/itself"], Unusable)


class TestSource:
    def test_another_file_under_its_name_is_noticed(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("hello")
        [(_, found)] = find([str(path)])
        assert isinstance(found, Source)
        os.utime(path, ns=(0, found.mtime_ns + 1))
        with pytest.raises(FileChanged), found.opened():
            raise AssertionError("nothing is read of it")

    def test_a_change_meanwhile_is_noticed(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("hello")
        [(_, found)] = find([str(path)])
        assert isinstance(found, Source)
        with pytest.raises(FileChanged), found.opened():
            path.write_text("hello, world")

    def test_a_stream_becomes_a_file_with_its_checksum(self) -> None:
        content = os.urandom(3_000_000)
        with spooled(io.BytesIO(content), "stdin") as found:
            assert (found.size, found.crc32) == (len(content), zlib.crc32(content))
            with found.opened() as opened:
                assert opened.read() == content
        assert not os.path.exists(found.path)

    def test_its_checksum_is_that_of_s3(self, tmp_path: Path) -> None:
        content = os.urandom(2_500_000)
        (tmp_path / "a").write_bytes(content)
        [(_, found)] = find([str(tmp_path / "a")])
        assert isinstance(found, Source)
        read: list[int] = []
        value = declared(crc32_of(found, read.append))["value"]
        assert int.from_bytes(base64.b64decode(value), "big") == zlib.crc32(content)
        assert sum(read) == len(content)
        # The check value of CRC-32/ISO-HDLC: https://reveng.sourceforge.io/crc-catalogue/all.htm
        assert (
            declared(zlib.crc32(b"123456789"))["value"]
            == base64.b64encode(bytes.fromhex("cbf43926")).decode()
        )


class TestWish:
    def test_it_is_what_the_service_asks_for(self) -> None:
        options = Options("video", {"reel": "1"})
        assert wish_for(source(9, "all/film.mp4", folder=True), options, 1) == {
            "filename": "film.mp4",
            "type": "video/mp4",
            "file_size": 9,
            "method": "auto",
            "metadata": {"reel": "1", "path": "all/film.mp4"},
            "policy": "video",
            "checksum": {"algorithm": "crc32", "value": "AAAAAQ=="},
        }

    def test_it_says_no_more_than_that(self) -> None:
        wish = wish_for(source(), Options(type="text/csv"), None)
        assert wish["type"] == "text/csv"
        assert wish["metadata"] == {}
        assert not {"policy", "checksum"} & wish.keys()

    @pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\udcffb", "x" * 256, "d" * 2100 + "/a"])
    def test_a_name_that_the_service_would_refuse_is_told(self, name: str) -> None:
        with pytest.raises(Unusable, match="its name cannot be kept: it must"):
            wish_for(source(name=name, folder=True), Options(), None)

    @pytest.mark.parametrize(
        ("name", "type"),
        [
            ("a.png", "image/png"),
            ("A.PNG", "image/png"),
            ("a.tar.gz", "application/gzip"),
            ("a.svg.br", "application/octet-stream"),
            ("README", "application/octet-stream"),
        ],
    )
    def test_types_go_by_names(self, name: str, type: str) -> None:
        assert guessed_type(name) == type


class TestBatches:
    def test_they_are_as_large_as_the_contract_allows(self) -> None:
        counted = [len(batch) for batch in batches([source()] * (2 * BATCH + 1))]
        assert counted == [BATCH, BATCH, 1]

    def test_they_are_sent_before_their_urls_end(self) -> None:
        count = BATCH_BYTES // (SMALL - 1)
        counted = [len(batch) for batch in batches([source(SMALL - 1)] * (count + 1))]
        assert counted == [count, 1]

    def test_nothing_is_no_batch(self) -> None:
        assert list(batches([])) == []


class Asking:
    """The one call of `Api` that matters here; its URLs live for `life` seconds."""

    def __init__(self, life: float) -> None:
        self.life = life
        self.asked: list[list[int]] = []

    def part_urls(self, id: str, numbers: list[int]) -> PartUrls:
        self.asked.append(list(numbers))
        count = len(self.asked)
        ends = datetime.now(UTC) + timedelta(seconds=self.life)
        return PartUrls({number: f"{id}/{number}/{count}" for number in numbers}, ends)


class TestPartAddresses:
    def addresses(self, asking: Asking, numbers: list[int], **issued: Any) -> PartAddresses:
        upload: File = file("id", **issued)
        return PartAddresses(asking, upload, numbers)  # type: ignore[arg-type]

    def test_those_that_came_with_the_creation_are_used_first(self) -> None:
        asking = Asking(900)
        addresses = self.addresses(asking, [1, 2], part_urls={1: "first"}, expires_in=900)
        assert addresses.of(1) == "first"
        assert addresses.of(2) == "id/2/1"
        assert asking.asked == [[2]]

    def test_many_are_asked_for_at_once_and_only_those_that_are_missing(self) -> None:
        asking = Asking(900)
        numbers = list(range(2, 400, 3))
        addresses = self.addresses(asking, numbers)
        for number in numbers:
            addresses.of(number)
        assert [*map(len, asking.asked)] == [AT_ONCE, AT_ONCE, len(numbers) - 2 * AT_ONCE]
        assert [number for asked in asking.asked for number in asked] == numbers

    def test_one_that_ends_soon_is_not_begun_with(self) -> None:
        asking = Asking(0)
        addresses = self.addresses(asking, [1], part_urls={1: "ended"}, expires_in=0)
        assert addresses.of(1) == "id/1/1"
        assert addresses.of(1) == "id/1/2"

    def test_one_refusal_replaces_those_of_the_same_answer_once(self) -> None:
        asking = Asking(900)
        addresses = self.addresses(asking, [1, 2])
        one, two = addresses.of(1), addresses.of(2)
        assert addresses.instead_of(1, one) == "id/1/2"
        assert addresses.instead_of(2, two) == "id/2/2"
        assert len(asking.asked) == 2
