"""`python -m app download` against a real service and a real store, in all weathers."""

import asyncio
import os
import random
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from app.domain.checksum import ChecksumAlgorithm
from app.domain.parts import MIB
from app.settings import Settings
from tests.support import chaos
from tests.support.chaos import Answer, Call, Forward, error
from tests.support.checksums import checksum_of
from tests.support.processes import DEADLINE, free_port
from tests.support.ranges import Ranges, asked_range
from tests.support.shell import Done, Shell, doing, ended, first, shell
from tests.support.terminals import read_all

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILM = random.Random(11).randbytes(20 * MIB)
RANGES = [(0, 8 * MIB - 1), (8 * MIB, 16 * MIB - 1), (16 * MIB, 20 * MIB - 1)]

Stored = Callable[..., Awaitable[dict[str, Any]]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shell]:
    async with shell(settings, tmp_path_factory.mktemp("shell")) as here_:
        yield here_


@pytest.fixture
def at(here: Shell, tmp_path: Path) -> Shell:
    """A user of their own, in an empty directory, with fair weather."""
    return here.afresh(tmp_path)


@pytest.fixture
def stored(at: Shell, settings: Settings, admin_s3: "S3Client") -> Stored:
    """`await stored(b"…", filename="…")`: an uploaded file with a checksum."""

    async def store(content: bytes = b"hello", **body: Any) -> dict[str, Any]:
        checksum = checksum_of(ChecksumAlgorithm.SHA256, content)
        declared = {"algorithm": checksum.algorithm, "value": checksum.value}
        record = await at.user.ask(content, **({"method": "PUT", "checksum": declared} | body))
        admin_s3.put_object(
            Bucket=settings.s3_bucket,
            Key=record["key"],
            Body=content,
            ContentType=record["type"],
            ChecksumSHA256=checksum.value,
        )
        assert (await at.user.move(record, "uploaded")).status_code == 200
        return record

    return store


async def download(at: Shell, *arguments: str) -> Done:
    return await at.run("download", "--json", *arguments)


def left_over(at: Shell) -> list[str]:
    """What a download keeps beside its target until it ends."""
    return sorted(path.name for path in at.directory.glob(".slipway-*"))


def code_of(done: Done) -> str:
    [line] = done.lines
    return str(line["error"]["code"])


async def half_done(at: Shell, record: dict[str, Any], *more: str) -> asyncio.subprocess.Process:
    """A download that has one range for good, and waits for the next."""
    at.proxy.weather = Ranges(until=1)
    process = await at.start("download", record["id"], "--parallel", "1", *more)
    notes = at.directory / f".slipway-{record['id']}.json"
    async with asyncio.timeout(DEADLINE):
        while not (notes.exists() and "[1]" in notes.read_text()):
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.02)
    return process


async def killed_half_way(at: Shell, record: dict[str, Any]) -> None:
    """By SIGKILL, as a crash would."""
    process = await half_done(at, record)
    process.kill()
    await process.communicate()
    calm(at)


def calm(at: Shell) -> Ranges:
    """The storm is over; what is fetched from now on."""
    assert isinstance(at.proxy.weather, Ranges)
    at.proxy.weather.over.set()
    at.proxy.weather = fair = Ranges()
    return fair


class TestWhole:
    async def test_a_large_file_arrives_in_ranges_and_is_checked(
        self, at: Shell, stored: Stored
    ) -> None:
        record = await stored(FILM, filename="film.mp4")
        at.proxy.weather = ranges = Ranges()

        done = await download(at, record["id"])

        assert done.code == 0, done.err
        assert done.lines == [
            {
                "id": record["id"],
                "path": "film.mp4",
                "size": len(FILM),
                "checksum": "sha256",
                "error": None,
            }
        ]
        assert (at.directory / "film.mp4").read_bytes() == FILM
        assert sorted(ranges.served) == RANGES
        assert at.service.calls["POST download-url"] == 1
        assert left_over(at) == []

    async def test_nothing_is_a_file_too(self, at: Shell, stored: Stored) -> None:
        record = await stored(b"", filename="empty")
        done = await download(at, record["id"])
        assert (done.code, done.lines[0]["path"]) == (0, "empty"), done.err
        assert (at.directory / "empty").read_bytes() == b""
        assert left_over(at) == []

    async def test_several_go_into_a_folder_and_the_failure_of_one_stops_no_other(
        self, at: Shell, stored: Stored
    ) -> None:
        (at.directory / "here").mkdir()
        first_ = await stored(b"one", filename="a")
        second = await stored(b"two", filename="übung ☃")
        pending = await at.user.ask(filename="c")
        same = await stored(b"four", filename="a")
        unknown = "00000000-0000-0000-0000-000000000000"
        ids = [record["id"] for record in (first_, pending, same, second)]

        done = await download(at, unknown, *ids, first_["id"], "-o", "here")

        assert done.code == 1
        codes = {line["id"]: line["error"] and line["error"]["code"] for line in done.lines}
        assert codes == {
            unknown: "not_found",
            first_["id"]: None,
            pending["id"]: "object_missing",
            same["id"]: "target_exists",
            second["id"]: None,
        }
        arrived = {path.name: path.read_bytes() for path in (at.directory / "here").iterdir()}
        assert arrived == {"a": b"one", "übung ☃": b"two"}
        assert "2 of 5 files downloaded, 3 failed" in done.err

    async def test_a_line_for_each_file_where_nobody_watches(
        self, at: Shell, stored: Stored
    ) -> None:
        record = await stored(filename="a.txt")
        done = await at.run("download", record["id"], "-o", "./")
        assert done.out == "a.txt\n"
        assert "1 of 1 files downloaded, 0 failed; 5 bytes" in done.err
        quiet = await at.run("download", record["id"], "--force", "--quiet")
        assert (quiet.code, quiet.out, quiet.err) == (0, "", "")

    async def test_bars_for_somebody_who_watches(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM)
        master, slave = os.openpty()
        process = await at.start("download", record["id"], stderr=slave)
        os.close(slave)
        shown = asyncio.get_running_loop().run_in_executor(None, read_all, master)
        assert (await ended(process)).code == 0
        text = await shown
        assert "1 of 1 files" in text
        assert "21.0/21.0 MB" in text
        assert "MB/s" in text


class TestGoingOn:
    async def test_after_kill_9_no_finished_range_is_fetched_again(
        self, at: Shell, stored: Stored
    ) -> None:
        record = await stored(FILM, filename="film.mp4")
        await killed_half_way(at, record)
        assert not (at.directory / "film.mp4").exists()
        notes = (at.directory / f".slipway-{record['id']}.json").read_text()
        assert at.token not in notes
        assert "http" not in notes
        after = at.proxy.weather

        done = await download(at, record["id"])

        assert done.code == 0, done.err
        assert "film.mp4 goes on: 8388608 of 20971520 bytes are there" in done.err
        assert isinstance(after, Ranges)
        assert sorted(after.served) == RANGES[1:]
        assert (at.directory / "film.mp4").read_bytes() == FILM
        assert left_over(at) == []

    async def test_ctrl_c_says_how_to_go_on(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM, filename="film.mp4")
        process = await half_done(at, record)
        process.send_signal(signal.SIGINT)
        stopped = await ended(process)
        after = calm(at)
        assert stopped.code == 130
        assert "interrupted; the same command again goes on where it stood" in stopped.err
        assert "Traceback" not in stopped.err

        assert (await download(at, record["id"])).code == 0
        assert sorted(after.served) == RANGES[1:]
        assert (at.directory / "film.mp4").read_bytes() == FILM

    async def test_one_process_at_a_time(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM)
        process = await half_done(at, record)
        assert code_of(await download(at, record["id"])) == "busy"
        calm(at)
        assert (await ended(process)).code == 0

    async def test_what_was_replaced_meanwhile_is_not_mixed(
        self, at: Shell, stored: Stored, settings: Settings, admin_s3: "S3Client"
    ) -> None:
        record = await stored(FILM, filename="film.mp4")
        await killed_half_way(at, record)
        admin_s3.put_object(Bucket=settings.s3_bucket, Key=record["key"], Body=FILM[::-1])

        done = await download(at, record["id"])

        assert (done.code, code_of(done)) == (1, "object_replaced")
        assert list(at.directory.iterdir()) == []

    async def test_what_took_its_place_meanwhile_is_left_alone(
        self, at: Shell, stored: Stored
    ) -> None:
        record = await stored(FILM, filename="film.mp4")
        target = at.directory / "film.mp4"
        at.proxy.weather = doing(lambda: target.write_text("mine"), chaos.fair)
        done = await download(at, record["id"])
        assert (done.code, code_of(done)) == (1, "target_exists")
        assert target.read_text() == "mine"

        at.proxy.weather = after = Ranges()
        again = await download(at, record["id"], "--force")
        assert again.code == 0, again.err
        assert after.served == [], "all of it was there"
        assert target.read_bytes() == FILM


class TestWeather:
    async def test_cut_connections_and_refusals_that_pass_are_borne_with(
        self, at: Shell, stored: Stored
    ) -> None:
        record = await stored(FILM, filename="film.mp4")
        asked: list[int] = []

        async def watched(call: Call, forward: Forward) -> Answer | None:
            wanted = asked_range(call)
            assert wanted
            asked.append(wanted[0])
            return await chaos.fair(call, forward)

        storm = first(2, chaos.losing_calls, first(2, chaos.slowing_down(1, 1), watched))
        at.proxy.weather = first(2, chaos.cutting(3 * MIB), storm)
        done = await download(at, record["id"])
        assert done.code == 0, done.err
        assert (at.directory / "film.mp4").read_bytes() == FILM
        assert not set(asked) <= {start for start, _ in RANGES}, "it goes on where it was cut"

    async def test_a_url_that_has_ended_is_replaced(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM, filename="film.mp4")
        at.clock.offset = -timedelta(hours=1)  # what is signed now has ended

        def wake_up() -> None:
            at.clock.offset = timedelta(0)

        at.proxy.weather = doing(wake_up, chaos.fair)
        done = await download(at, record["id"])
        assert done.code == 0, done.err
        assert (at.directory / "film.mp4").read_bytes() == FILM

    async def test_what_the_store_refuses_for_good_is_told(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM)
        at.proxy.weather = chaos.answering(error(403, "AccessDenied"))
        done = await download(at, record["id"])
        assert done.code == 1
        assert done.lines[0]["error"] == {
            "code": "store_refused",
            "detail": "the store does not hand the file out: AccessDenied (403)",
        }
        assert "X-Amz" not in done.err
        assert list(at.directory.iterdir()) == []

    async def test_other_bytes_are_never_called_the_file(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM, filename="film.mp4")

        async def flipping(call: Call, forward: Forward) -> Answer:
            answer = await forward(call)
            return Answer(answer.status, answer.body[::-1], answer.headers)

        at.proxy.weather = first(1, flipping, chaos.fair)
        done = await download(at, record["id"])
        assert (done.code, code_of(done)) == (1, "checksum_mismatch")
        assert list(at.directory.iterdir()) == []


class TestTarget:
    async def test_what_exists_is_replaced_only_on_demand(self, at: Shell, stored: Stored) -> None:
        record = await stored(b"new")
        target = at.directory / "mine"
        target.write_text("old")
        target.chmod(0o640)

        refused = await download(at, record["id"], "-o", "mine")
        assert (refused.code, code_of(refused)) == (1, "target_exists")
        assert "--force replaces it" in refused.err
        assert target.read_text() == "old"
        assert at.proxy.calls["GET"] == 0

        done = await download(at, record["id"], "-o", "mine", "--force")
        assert done.code == 0, done.err
        assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)

    async def test_a_new_file_is_as_open_as_the_user_wants(self, at: Shell, stored: Stored) -> None:
        record = await stored(filename="a")
        before = os.umask(0o027)
        try:
            assert (await download(at, record["id"])).code == 0
        finally:
            os.umask(before)
        assert (at.directory / "a").stat().st_mode & 0o777 == 0o640

    async def test_a_folder_that_is_not_there_is_told(self, at: Shell, stored: Stored) -> None:
        record = await stored()
        done = await download(at, record["id"], "-o", "no/where")
        assert (done.code, code_of(done)) == (1, "bad_target")
        assert "there is no folder no: create it first" in done.err

    async def test_a_full_disk_is_told(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM, filename="film.mp4")
        little = (resource.RLIMIT_FSIZE, (MIB, MIB))
        process = await at.start(
            "download", record["id"], preexec_fn=lambda: resource.setrlimit(*little)
        )
        done = await ended(process)
        assert done.code == 1
        assert "is full: make room" in done.err
        assert list(at.directory.iterdir()) == []


class TestStandardOutput:
    async def test_it_is_in_order_whatever_comes_first(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM)
        others = asyncio.Event()

        async def the_first_last(call: Call, forward: Forward) -> Answer | None:
            if asked_range(call) == RANGES[0]:
                await others.wait()
            answer = await forward(call)
            if asked_range(call) == RANGES[1]:
                others.set()
            return answer

        at.proxy.weather = the_first_last
        process = await at.start("download", record["id"], "-o", "-", "--parallel", "2")
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate()
        assert process.returncode == 0, err
        assert out == FILM
        assert list(at.directory.iterdir()) == []

    async def test_other_bytes_are_told(self, at: Shell, stored: Stored) -> None:
        record = await stored(b"hello")

        async def flipping(call: Call, forward: Forward) -> Answer:
            answer = await forward(call)
            return Answer(answer.status, answer.body[::-1], answer.headers)

        at.proxy.weather = flipping
        done = await at.run("download", record["id"], "-o", "-")
        assert (done.code, done.out) == (1, "olleh")
        assert "as declared: download it again" in done.err

    async def test_a_reader_that_goes_away_ends_it(self, at: Shell, stored: Stored) -> None:
        record = await stored(FILM)
        process = await at.start("download", record["id"], "-o", "-")
        assert process.stdout
        await process.stdout.readexactly(1000)
        process.stdout._transport.close()  # type: ignore[attr-defined]
        assert process.stderr
        async with asyncio.timeout(DEADLINE):
            assert b"Traceback" not in await process.stderr.read()
            assert await process.wait() == 141


class TestManners:
    async def test_a_wrong_token_is_one_line(self, at: Shell, stored: Stored) -> None:
        record = await stored()
        at.service.calls.clear()
        wrong = at.token[:-8] + "AAAAAAAA"
        done = await download(at, record["id"], "--token", wrong)
        assert (done.code, at.service.calls.total()) == (2, 1)
        assert wrong not in done.err

    async def test_a_service_that_is_down_is_one_line(self, at: Shell) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        done = await download(at, f"{1:032}", "--url", url)
        assert done.code == 2
        assert f"slipway: {url} does not answer: Connection refused\n" in done.err
