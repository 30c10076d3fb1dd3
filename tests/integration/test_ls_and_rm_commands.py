"""`python -m app ls` and `rm` against a real service."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.schemas.response.file_response import EXAMPLE
from app.settings import Settings
from tests.support.multipart import POLICIES
from tests.support.shell import Done, Shell, ended, shell
from tests.support.stub_server import Asked, Told, refusal, stub_server
from tests.support.terminals import read_all, read_until

UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shell]:
    async with shell(settings, tmp_path_factory.mktemp("shell"), POLICIES) as here_:
        yield here_


@pytest.fixture
def at(here: Shell, tmp_path: Path) -> Shell:
    """A user of their own, in an empty directory."""
    return here.afresh(tmp_path)


async def pending(at: Shell, count: int, **body: Any) -> list[str]:
    """Ids of so many new files, the newest first."""
    wish = {"filename": "a.txt", "type": "text/plain", "file_size": 5} | body
    files = {"files": [wish | {"metadata": {"n": str(n)}} for n in range(count)]}
    answer = await at.user.call("POST", "/presigned-urls", json=files)
    assert answer.status_code == 201, answer.text
    return [item["id"] for item in reversed(answer.json()["items"])]


async def on_a_terminal(at: Shell, *arguments: str, typed: bytes = b"") -> tuple[int | None, str]:
    """The exit code, and all that was shown."""
    master, slave = os.openpty()
    terminal = {"stdin": slave, "stdout": slave, "stderr": slave}
    process = await at.start(*arguments, **terminal)
    os.close(slave)
    os.write(master, typed)
    shown = asyncio.get_running_loop().run_in_executor(None, read_all, master)
    done = await ended(process)
    return done.code, await shown


class TestLs:
    async def test_pages_follow_each_other_for_as_long_as_wanted(self, at: Shell) -> None:
        ids = await pending(at, 201)
        at.service.calls.clear()

        every = await at.run("ls", "--all")
        assert [line.partition("\t")[0] for line in every.out.splitlines()] == ids
        assert at.service.calls["GET files"] == 2
        some = await at.run("ls", "--limit", "3", "--json")
        assert [line["id"] for line in some.lines] == ids[:3]
        assert at.service.calls["GET files"] == 3

    async def test_columns_are_between_tabs_where_nobody_watches(self, at: Shell) -> None:
        record = await at.user.upload(filename="übung [bold].txt", policy="auto")
        await at.user.move(record, "uploaded")
        await pending(at, 2)
        [short] = (await at.run("ls", "--status", "completed")).out.splitlines()
        cells = short.split("\t")
        assert [*cells[:3], cells[4]] == [record["id"], "completed", "5", "übung [bold].txt"]
        [long] = (await at.run("ls", "--policy", "auto", "--long")).out.splitlines()
        assert {"text/plain", "auto", "PUT", record["key"]} < set(long.split("\t"))

    async def test_a_table_for_somebody_who_watches(self, at: Shell) -> None:
        [only] = await pending(at, 1, filename="[red]a.txt", file_size=2048)
        at.env = {"COLUMNS": "120"}
        code, shown = await on_a_terminal(at, "ls")
        assert code == 0
        for word in ("filename", only, "pending", "2.0 kB", "[red]a.txt"):
            assert word in shown

    async def test_nothing_is_no_error(self, at: Shell) -> None:
        assert await at.run("ls") == Done(0, "", "")

    async def test_a_wrong_policy_is_one_line(self, at: Shell) -> None:
        done = await at.run("ls", "--policy", "no such")
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


class TestRm:
    async def test_they_are_gone_and_what_was_not_there_is_told(self, at: Shell) -> None:
        record = await at.user.upload(filename="cat.png")
        await at.user.move(record, "uploaded")
        other = await pending(at, 2)

        done = await at.run("rm", "--yes", record["id"], UNKNOWN, other[0], record["id"])

        assert done.code == 1
        assert done.out.splitlines() == [
            f"deleted  {record['id']}  cat.png",
            f"deleted  {other[0]}  a.txt",
        ]
        assert f"slipway: {UNKNOWN}: There is no such file" in done.err
        assert [file["id"] for file in await at.files()] == [other[1]]

    async def test_each_has_a_line_of_json(self, at: Shell) -> None:
        [only] = await pending(at, 1)
        done = await at.run("rm", "--yes", "--json", only, UNKNOWN)
        assert done.code == 1
        assert [(line["id"], line["deleted"]) for line in done.lines] == [
            (only, True),
            (UNKNOWN, False),
        ]
        assert done.lines[1]["error"]["code"] == "not_found"

    async def test_nothing_is_deleted_that_nobody_agreed_to(self, at: Shell) -> None:
        [only] = await pending(at, 1)
        unasked = await at.run("rm", only)
        assert unasked.code == 2
        assert "--yes deletes without a question" in unasked.err
        code, shown = await on_a_terminal(at, "rm", only, typed=b"n\n")
        assert code == 2
        assert "a.txt" in shown
        assert "nothing was deleted" in shown
        assert len(await at.files()) == 1

    @pytest.mark.parametrize(("ending", "code"), [("end of the input", 2), ("Ctrl-C", 130)])
    async def test_a_question_that_is_not_answered_deletes_nothing(
        self, at: Shell, ending: str, code: int
    ) -> None:
        [only] = await pending(at, 1)
        master, slave = os.openpty()
        process = await at.start("rm", only, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        shown = await asyncio.to_thread(read_until, master, "for good? [y/N]: ")
        if ending == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            os.write(master, b"\x04")
        rest = asyncio.get_running_loop().run_in_executor(None, read_all, master)
        done = await ended(process)
        assert done.code == code, shown + await rest
        assert len(await at.files()) == 1

    async def test_it_asks_and_does_what_it_is_told(self, at: Shell) -> None:
        ids = await pending(at, 2)
        code, shown = await on_a_terminal(at, "rm", *ids, typed=b"y\n")
        assert code == 0
        assert "Delete 2 for good?" in shown
        assert await at.files() == []

    async def test_a_lost_answer_is_no_failure(self, at: Shell) -> None:
        gone = False

        def answering(asked: Asked) -> Told | None:
            nonlocal gone
            if asked.method == "DELETE":
                lost, gone = not gone, True
                return None if lost else refusal(404, "not_found")
            return Told(200, EXAMPLE)

        with stub_server(answering) as server:
            process = await at.start("rm", "--yes", "--json", EXAMPLE["id"], "--url", server.url)
            done = await ended(process)
        assert (done.code, json.loads(done.out)["deleted"]) == (0, True), done.err
