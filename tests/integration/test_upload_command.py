"""`python -m app upload` against a real service and a real store, in all weathers."""

import asyncio
import base64
import os
import random
import signal
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from app.domain.parts import MIB
from app.settings import Settings
from tests.support import chaos
from tests.support.chaos import error
from tests.support.multipart import POLICIES
from tests.support.processes import DEADLINE, free_port
from tests.support.shell import Parts, Shell, doing, ended, first, part_number, shell
from tests.support.terminals import read_all

FILM = random.Random(7).randbytes(20 * MIB)
"""Four parts of 5 MiB under POLICIES."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shell]:
    async with shell(settings, tmp_path_factory.mktemp("service")) as anybody:
        yield anybody


@pytest.fixture
def at(service: Shell, tmp_path: Path) -> Shell:
    """Somebody new, in a directory of their own, in fair weather."""
    return service.afresh(tmp_path)


def write(at: Shell, name: str, content: bytes = b"hello") -> Path:
    path = at.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def journals(at: Shell) -> list[Path]:
    return list((at.directory / "state/slipway/uploads").iterdir())


async def reports(at: Shell) -> float:
    """Files that were reported together, whoever's."""
    lines = (await at.user.call("GET", "/metrics")).text.splitlines()
    counted = [line for line in lines if line.startswith("slipway_status_reports_total")]
    return sum(float(line.rpartition(" ")[2]) for line in counted)


async def killed(process: asyncio.subprocess.Process, parts: Parts) -> None:
    """By SIGKILL, as a crash would."""
    process.kill()
    await process.communicate()
    parts.over.set()


async def killed_upon(at: Shell, moment: asyncio.Event) -> None:
    """An upload of `all`, file by file, whose process dies then; the weather is fair again."""
    process = await at.start("upload", "all", "--parallel", "1")
    async with asyncio.timeout(DEADLINE):
        await moment.wait()
    process.kill()
    await process.communicate()
    at.proxy.weather = chaos.fair


class TestFolder:
    async def test_everything_in_it_arrives_in_one_batch(self, at: Shell) -> None:
        contents = {f"all/{n % 7}/file {n}.txt": f"{n}".encode() for n in range(300)}
        contents |= {"all/übung/文件.txt": b"unicode", "all/empty": b""}
        for name, content in contents.items():
            write(at, name, content)
        (at.directory / "all/0/loop").symlink_to(at.directory / "all")

        done = await at.upload("all")

        assert (done.code, len(done.lines)) == (0, len(contents)), done.err
        assert {line["path"] for line in done.lines} == contents.keys()
        assert at.service.calls["POST presigned-urls"] == 1
        assert at.service.calls["PUT file-status"] == 0, "they are reported together"
        assert at.proxy.calls["PUT"] == len(contents)
        for line in done.lines:
            if line["path"] in ("all/übung/文件.txt", "all/empty"):
                record = await at.user.look(line)
                assert record["metadata"] == {"path": line["path"]}
                assert record["filename"] == line["path"].rpartition("/")[2]
                assert await at.user.content(line) == contents[line["path"]]
        assert not journals(at), "nothing is left to go on with"

    async def test_what_cannot_be_sent_is_listed_and_stops_nothing(self, at: Shell) -> None:
        for name in ("all/a.txt", "all/back\\slash", "all/es\x1bcape", "all/z.txt"):
            write(at, name)
        (at.directory / "all/dangling").symlink_to("nowhere")
        os.mkfifo(at.directory / "all/pipe")

        done = await at.upload("all", "missing")

        by_name = {line["path"]: line for line in done.lines}
        arrived = {name for name, line in by_name.items() if line["status"] == "uploaded"}
        assert (done.code, arrived) == (1, {"all/a.txt", "all/z.txt"}), done.err
        codes = {line["error"]["code"] for line in done.lines if line["error"]}
        assert codes == {"unusable_file"}
        assert "all/dangling: it cannot be read: No such file or directory" in done.err
        assert "missing: it cannot be read: No such file or directory" in done.err
        assert "all/pipe: it is neither a file nor a folder" in done.err
        assert "must not hold a path separator" in done.err
        assert "\x1b" not in done.err
        assert "2 of 7 files uploaded, 5 failed" in done.err

    async def test_the_same_command_again_sends_only_what_had_failed(self, at: Shell) -> None:
        write(at, "all/good.txt")
        write(at, "all/bad.txt").unlink()
        (at.directory / "all/bad.txt").symlink_to("later")
        before = await reports(at)
        assert (await at.upload("all")).code == 1
        write(at, "all/later")

        done = await at.upload("all")

        assert (done.code, len(done.lines)) == (0, 3), done.err
        assert len(await at.files()) == 3
        assert at.proxy.calls["PUT"] == 3
        assert await reports(at) - before == 3, "nor is it asked about"

    async def test_after_kill_9_what_had_arrived_is_not_sent_again(self, at: Shell) -> None:
        for name in ("all/a", "all/b", "all/c"):
            write(at, name)
        stored, over = asyncio.Event(), asyncio.Event()

        async def never_answering(call: chaos.Call, forward: chaos.Forward) -> None:
            await forward(call)
            stored.set()
            await over.wait()

        at.proxy.weather = never_answering
        await killed_upon(at, stored)
        over.set()

        done = await at.upload("all")

        assert done.code == 0, done.err
        assert at.proxy.calls["PUT"] == 3, "the first was there, and is only reported"
        statuses = [(await at.user.look(line))["status"] for line in done.lines]
        assert statuses == ["uploaded"] * 3

    async def test_what_an_earlier_run_had_sent_is_reported_together(self, at: Shell) -> None:
        for number in range(30):
            write(at, f"all/{number}")
        lost, over = asyncio.Event(), asyncio.Event()

        async def losing_the_last(call: chaos.Call, forward: chaos.Forward) -> chaos.Answer | None:
            answer = await forward(call)
            if at.proxy.calls["PUT"] == 30:
                lost.set()
                await over.wait()
            return answer

        at.proxy.weather = losing_the_last
        await killed_upon(at, lost)
        over.set()
        assert at.service.calls["PUT file-status"] == 0
        at.service.calls.clear()

        done = await at.upload("all")

        assert (done.code, len(done.lines)) == (0, 30), done.err
        assert at.proxy.calls["PUT"] == 30, "nothing is sent again"
        assert at.service.calls["PUT file-statuses"] == 1
        assert at.service.calls["POST presigned-urls"] == 0
        assert len(await at.files()) == 30

    async def test_what_the_service_does_not_find_keeps_its_code(self, at: Shell) -> None:
        for name in ("all/a", "all/b", "all/c"):
            write(at, name)

        async def lying(call: chaos.Call, forward: chaos.Forward) -> chaos.Answer | None:
            return chaos.Answer(200)

        at.proxy.weather = first(1, lying, then=chaos.fair)
        done = await at.upload("all", "--parallel", "1")

        assert done.code == 1
        codes = {line["path"]: line["error"] and line["error"]["code"] for line in done.lines}
        assert codes == {"all/a": "object_missing", "all/b": None, "all/c": None}
        assert (await at.upload("all")).code == 0, "the same command again sends it"

    async def test_a_file_that_the_policy_refuses_stops_no_other(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        policies = '[policies.default]\nextensions = ["txt"]\n'
        async with shell(settings, tmp_path, policies) as at:
            for name in ("all/a.txt", "all/b.exe", "all/c.txt", "all/d.exe"):
                write(at, name)
            done = await at.upload("all")
        assert done.code == 1
        codes = {line["path"]: line["error"] and line["error"]["code"] for line in done.lines}
        assert codes == {
            "all/a.txt": None,
            "all/b.exe": "type_not_allowed",
            "all/c.txt": None,
            "all/d.exe": "type_not_allowed",
        }

    async def test_what_fits_under_the_quota_arrives(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        async with shell(settings, tmp_path, POLICIES + "[quota]\nfiles = 5\n") as at:
            for number in range(8):
                write(at, f"all/{number}")
            done = await at.upload("all")
        refused = [line for line in done.lines if line["error"]]
        assert {line["error"]["code"] for line in refused} == {"quota_exceeded"}
        assert (done.code, len(refused)) == (1, 3)

    async def test_files_that_vanish_or_change_meanwhile_are_told(self, at: Shell) -> None:
        paths = [write(at, f"all/{name}") for name in ("a", "b", "c", "d")]

        def strike() -> None:
            paths[1].unlink()
            paths[2].write_bytes(b"longer than before")

        at.proxy.weather = doing(strike, chaos.fair)
        done = await at.upload("all", "--parallel", "1")
        errors = {line["path"]: line["error"] and line["error"]["code"] for line in done.lines}
        assert errors == {
            "all/a": None,
            "all/b": "unusable_file",
            "all/c": "file_changed",
            "all/d": None,
        }
        assert done.code == 1


class TestParts:
    async def test_a_large_file_arrives_whole_with_its_checksum(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)
        at.proxy.weather = parts = Parts()

        done = await at.upload("film.mp4", "--metadata", "reel=1", "--metadata", "by=a=b")

        assert done.code == 0, done.err
        [line] = done.lines
        record = await at.user.look(line)
        crc32 = base64.b64encode(zlib.crc32(FILM).to_bytes(4, "big")).decode()
        assert (record["status"], record["method"], record["type"]) == (
            *("uploaded", "multipart"),
            "video/mp4",
        )
        assert record["checksum"]["value"] == crc32
        assert record["metadata"] == {"reel": "1", "by": "a=b"}
        assert sorted(parts.stored) == [1, 2, 3, 4]
        assert await at.user.content(line) == FILM

    async def test_after_kill_9_it_goes_on_where_it_stood(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)
        at.proxy.weather = before = Parts(until=2)
        process = await at.start("upload", "film.mp4")
        async with asyncio.timeout(DEADLINE):
            await before.stopped.wait()
        [record] = await at.files()
        await killed(process, before)
        [kept] = journals(at)
        assert kept.stat().st_mode & 0o777 == 0o600
        assert at.token not in kept.read_text()
        assert "http" not in kept.read_text()

        at.proxy.weather = after = Parts()
        done = await at.upload("film.mp4")

        assert done.code == 0, done.err
        assert "film.mp4 goes on: 10485760 of 20971520 bytes are there" in done.err
        assert sorted(before.stored + after.stored) == [1, 2, 3, 4], "none was sent twice"
        assert [line["id"] for line in done.lines] == [record["id"]]
        assert await at.user.content(record) == FILM
        assert len(await at.files()) == 1
        assert not journals(at)

    async def test_ctrl_c_says_how_to_go_on(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)
        at.proxy.weather = before = Parts(until=1)
        process = await at.start("upload", "film.mp4")
        async with asyncio.timeout(DEADLINE):
            await before.stopped.wait()
        process.send_signal(signal.SIGINT)
        stopped = await ended(process)
        before.over.set()
        assert stopped.code == 130
        assert "interrupted; the same command again goes on where it stood" in stopped.err
        assert "Traceback" not in stopped.err

        at.proxy.weather = chaos.fair
        done = await at.upload("film.mp4")
        assert done.code == 0, done.err
        assert await at.user.content(done.lines[0]) == FILM
        assert len(await at.files()) == 1

    async def test_a_file_that_changed_in_between_starts_afresh(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)
        at.proxy.weather = before = Parts(until=1)
        process = await at.start("upload", "film.mp4")
        async with asyncio.timeout(DEADLINE):
            await before.stopped.wait()
        await killed(process, before)
        at.proxy.weather = chaos.fair
        other = FILM[::-1]
        write(at, "film.mp4", other)

        done = await at.upload("film.mp4")

        assert done.code == 0, done.err
        assert "film.mp4 has changed since its upload began: it starts afresh" in done.err
        assert await at.user.content(done.lines[0]) == other
        statuses = [record["status"] for record in await at.files()]
        assert statuses == ["uploaded", "failed"], "the first was given up"

    async def test_an_upload_that_was_ended_meanwhile_starts_afresh(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)
        at.proxy.weather = before = Parts(until=1)
        process = await at.start("upload", "film.mp4")
        async with asyncio.timeout(DEADLINE):
            await before.stopped.wait()
        await killed(process, before)
        at.proxy.weather = chaos.fair
        [record] = await at.files()
        assert (await at.user.abort(record)).status_code == 200

        done = await at.upload("film.mp4")

        assert done.code == 0, done.err
        assert done.lines[0]["id"] != record["id"]
        assert await at.user.content(done.lines[0]) == FILM

    async def test_a_file_that_changes_under_way_is_given_up(self, at: Shell) -> None:
        path = write(at, "film.mp4", FILM)
        at.proxy.weather = doing(lambda: path.write_bytes(FILM[::-1]), chaos.fair)
        done = await at.upload("film.mp4")
        assert done.code == 1
        assert done.lines[0]["error"]["code"] == "file_changed"
        assert [record["status"] for record in await at.files()] == ["failed"]

    async def test_a_part_that_the_store_lost_is_sent_again(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)

        async def losing_the_third(call: chaos.Call, forward: chaos.Forward) -> chaos.Answer:
            return chaos.Answer(200) if part_number(call) == 3 else await forward(call)

        at.proxy.weather = first(4, losing_the_third, chaos.fair)
        done = await at.upload("film.mp4")
        assert done.code == 0, done.err
        assert await at.user.content(done.lines[0]) == FILM
        assert at.proxy.calls["PUT"] == 5


class TestWeather:
    @pytest.mark.parametrize("size", [5, len(FILM)])
    async def test_a_url_that_has_ended_is_replaced(self, at: Shell, size: int) -> None:
        write(at, "film.mp4", FILM[:size])
        at.clock.offset = -timedelta(hours=1)  # what is signed now has ended

        def wake_up() -> None:
            at.clock.offset = timedelta(0)

        at.proxy.weather = doing(wake_up, chaos.fair)
        done = await at.upload("film.mp4")
        assert done.code == 0, done.err
        assert await at.user.content(done.lines[0]) == FILM[:size]

    @pytest.mark.parametrize("size", [5, len(FILM)])
    async def test_what_the_store_refuses_for_good_is_told(self, at: Shell, size: int) -> None:
        write(at, "film.mp4", FILM[:size])
        at.proxy.weather = chaos.answering(error(403, "AccessDenied"))
        done = await at.upload("film.mp4")
        assert done.code == 1
        assert done.lines[0]["error"] == {
            "code": "store_refused",
            "detail": "the store refused the bytes: AccessDenied (403)",
        }
        assert "X-Amz" not in done.err

    @pytest.mark.parametrize("size", [5, len(FILM)])
    async def test_a_store_that_slows_down_is_borne_with(self, at: Shell, size: int) -> None:
        write(at, "film.mp4", FILM[:size])
        at.proxy.weather = first(3, chaos.slowing_down(1, 1), chaos.fair)
        done = await at.upload("film.mp4")
        assert done.code == 0, done.err
        assert await at.user.content(done.lines[0]) == FILM[:size]

    @pytest.mark.parametrize("size", [5, len(FILM)])
    async def test_cut_connections_and_lost_answers_are_borne_with(
        self, at: Shell, size: int
    ) -> None:
        write(at, "film.mp4", FILM[:size])
        lost = first(1, chaos.losing_calls, chaos.losing_answers)
        at.proxy.weather = first(3, lost, chaos.fair)
        done = await at.upload("film.mp4")
        assert done.code == 0, done.err
        assert await at.user.content(done.lines[0]) == FILM[:size]
        assert len(await at.files()) == 1

    async def test_a_store_that_verifies_nothing_is_served_all_the_same(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        async with shell(settings, tmp_path, s3_provider="generic") as at:
            write(at, "small/a")
            write(at, "small/b")
            write(at, "small/film.mp4", FILM)
            done = await at.upload("small")
            assert done.code == 0, done.err
            assert done.err.count("the store cannot verify a CRC32 here; none is declared") == 1
            assert [record["checksum"] for record in await at.files()] == [None] * 3


class TestStandardInput:
    async def test_it_arrives_under_its_name(self, at: Shell) -> None:
        done = await at.upload("-", "--name", "log.txt", stdin=FILM)
        assert done.code == 0, done.err
        record = await at.user.look(done.lines[0])
        assert (record["filename"], record["type"]) == ("log.txt", "text/plain")
        assert record["checksum"]["algorithm"] == "crc32"
        assert await at.user.content(record) == FILM
        assert not journals(at)

    async def test_ctrl_c_promises_nothing_that_is_lost(self, at: Shell) -> None:
        process = await at.start("upload", "-", stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(b"x" * 3 * MIB)
        await process.stdin.drain()  # more than a pipe holds: it is being read
        process.send_signal(signal.SIGINT)
        done = await ended(process)
        assert done.code == 130
        assert "standard input was not kept" in done.err

    async def test_nothing_is_a_file_too(self, at: Shell) -> None:
        done = await at.upload("-", stdin=b"")
        assert (done.code, done.lines[0]["size"]) == (0, 0), done.err


class TestManners:
    async def test_a_line_for_each_file_where_nobody_watches(self, at: Shell) -> None:
        write(at, "a.txt")
        done = await at.run("upload", "a.txt")
        [record] = await at.files()
        assert done.out == f"uploaded  {record['id']}  a.txt\n"
        assert "1 of 1 files uploaded, 0 failed" in done.err
        quiet = await at.run("upload", "a.txt", "--quiet")
        assert (quiet.code, quiet.out, quiet.err) == (0, "", "")

    async def test_bars_for_somebody_who_watches(self, at: Shell) -> None:
        write(at, "film.mp4", FILM)
        master, slave = os.openpty()
        process = await at.start("upload", "film.mp4", stderr=slave)
        os.close(slave)
        shown = asyncio.get_running_loop().run_in_executor(None, read_all, master)
        done = await ended(process)
        text = await shown
        assert done.code == 0
        assert "1 of 1 files" in text
        assert "21.0/21.0 MB" in text
        assert "MB/s" in text

    async def test_the_token_comes_from_a_file_or_standard_input(self, at: Shell) -> None:
        write(at, "a.txt")
        token = write(at, "token", f"{at.token}\n".encode())
        at.env = {"SLIPWAY_TOKEN": ""}
        assert (await at.upload("a.txt", "--token-file", str(token))).code == 0
        given = await at.upload("a.txt", "--token-file", "-", stdin=at.token.encode())
        assert given.code == 0, given.err

    async def test_a_wrong_token_is_one_line(self, at: Shell) -> None:
        write(at, "all/a.txt")
        write(at, "all/film.mp4", FILM)
        wrong = at.token[:-8] + "AAAAAAAA"
        done = await at.upload("all", "--token", wrong)
        assert (done.code, at.proxy.calls["PUT"]) == (2, 0)
        assert wrong not in done.err
        assert at.service.calls.total() == 1

    async def test_no_token_is_told_how_to_get_one(self, at: Shell) -> None:
        at.env = {"SLIPWAY_TOKEN": ""}
        done = await at.upload(str(write(at, "a.txt")))
        assert done.code == 2
        assert "no token: set SLIPWAY_TOKEN" in done.err

    async def test_a_service_that_is_down_is_one_line(self, at: Shell) -> None:
        write(at, "a.txt")
        url = f"http://127.0.0.1:{free_port()}"
        done = await at.upload("a.txt", "--url", url)
        assert done.code == 2
        assert f"slipway: {url} does not answer: Connection refused\n" in done.err

    async def test_it_reads_no_setting_of_the_service(self, at: Shell) -> None:
        write(at, "a.txt")
        at.env = {"DATABASE_URL": "nonsense", "STORAGE_TYPE": "nonsense", "S3_REGION": ""}
        assert (await at.upload("a.txt")).code == 0
