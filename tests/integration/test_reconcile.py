"""`python -m app reconcile` on real PostgreSQL and a real S3, changed behind the service's back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from app.cli import app
from app.container import Container
from app.domain.reconciliation import AT_REST, STRANGE_FOR, Finding, Kind
from app.service.reconcile import Outcome, Wish
from app.settings import Settings
from tests.support.databases import execute
from tests.support.multipart import Bucket, Clock, Uploader, changed, with_policies
from tests.support.service import running

TYPE = "text/plain"


@dataclass
class Harbour:
    """A service with a database and a folder of its own, and the ways behind its back."""

    container: Container
    user: Uploader
    bucket: Bucket
    clock: Clock
    settings: Settings
    outcome: Outcome

    async def sql(self, statement: str) -> list[Any]:
        assert self.settings.database_url is not None
        return await execute(self.settings.database_url.get_secret_value(), statement)

    def put(self, key: str, body: bytes = b"hello") -> None:
        self.bucket.s3.put_object(Bucket=self.bucket.name, Key=key, Body=body, ContentType=TYPE)

    def remove(self, key: str) -> None:
        self.bucket.s3.delete_object(Bucket=self.bucket.name, Key=key)

    def begin(self, key: str) -> str:
        """A multipart upload with one part in it."""
        where = {"Bucket": self.bucket.name, "Key": key}
        upload_id = self.bucket.s3.create_multipart_upload(**where)["UploadId"]
        self.bucket.s3.upload_part(**where, UploadId=upload_id, PartNumber=1, Body=b"part")
        return upload_id

    def key(self, name: str) -> str:
        return f"{self.settings.s3_key_prefix}/{name}"

    async def file(self, status: str = "uploaded") -> dict[str, Any]:
        """A file that got as far as that."""
        record = await self.user.upload()
        if status != "pending":
            answer = await self.user.move(record, status)
            assert answer.status_code == 200, answer.text
        return record

    async def compare(self, later: timedelta = timedelta(hours=1), **wish: Any) -> list[Finding]:
        """What a comparison finds some time after all that has happened."""
        found: list[Finding] = []
        self.clock.offset += later
        self.outcome = await self.container.reconcile.run(Wish(**wish), on_finding=found.append)
        return found

    async def repaired_for_good(self, kind: Kind, **wish: Any) -> None:
        """It is found, found and repaired, and found no more, by itself or by a repair."""
        assert [(f.kind, f.repaired) for f in await self.compare()] == [(kind, False)]
        wish = wish or {"repair": True}
        assert [(f.kind, f.repaired) for f in await self.compare(**wish)] == [(kind, True)]
        assert self.outcome.remaining == 0
        assert await self.compare(**wish) == []


@pytest_asyncio.fixture
async def harbour(
    settings: Settings, own_database_url: str, key_prefix: str, bucket: Bucket, tmp_path: Path
) -> AsyncIterator[Harbour]:
    clock = Clock()
    own = changed(
        with_policies(settings, tmp_path),
        database_url=own_database_url,
        s3_key_prefix=key_prefix.strip("/"),
    )
    async with running(own, clock) as service:
        yield Harbour(service.container, Uploader(service.api), bucket, clock, own, Outcome())


async def test_finds_nothing_where_nothing_is_wrong(harbour: Harbour) -> None:
    for status in ("uploaded", "completed"):
        await harbour.file(status)
    await harbour.user.delete(await harbour.file())
    await harbour.user.abort(await harbour.user.begin_and_send())
    finished = await harbour.user.begin_and_send()
    await harbour.user.complete(finished)
    await harbour.user.begin_and_send()
    assert await harbour.compare() == []
    assert harbour.outcome.seen.total() == 3 + 1 + 6 + 1


@pytest.mark.parametrize("status", ["uploaded", "completed"])
async def test_a_missing_object_is_told_of(harbour: Harbour, status: str) -> None:
    record, _ = await harbour.file(status), await harbour.file(status)
    harbour.remove(record["key"])
    [finding] = await harbour.compare(repair=True, remove_unknown=True)
    assert (finding.kind, finding.key) == (Kind.OBJECT_MISSING, record["key"])
    assert str(finding.file_id) == record["id"]
    assert (await harbour.user.look(record))["status"] == status


@pytest.mark.parametrize("body", [b"olleh", b"longer than declared"])
async def test_an_object_that_was_replaced_is_told_of(harbour: Harbour, body: bytes) -> None:
    record, _ = await harbour.file(), await harbour.file()
    harbour.put(record["key"], body)
    [finding] = await harbour.compare(repair=True)
    assert (finding.kind, finding.key) == (Kind.OBJECT_CHANGED, record["key"])
    assert "replaced" in finding.detail
    assert harbour.bucket.holds(record["key"])


async def test_an_unreported_upload_is_finished(harbour: Harbour) -> None:
    parts = await harbour.user.begin_and_send()
    record = await harbour.file("pending")
    await harbour.sql("UPDATE files SET ends_at = ends_at + interval '1 day'")
    await harbour.repaired_for_good(Kind.UPLOAD_UNREPORTED)
    assert (await harbour.user.look(record))["status"] == "uploaded"
    assert (await harbour.user.look(parts))["status"] == "pending"


async def test_overdue_uploads_are_ended(harbour: Harbour) -> None:
    records = [
        await harbour.user.ask(),
        await harbour.file("pending"),
        await harbour.user.begin_and_send(),
        await harbour.user.begin(),
    ]
    harbour.clock.offset = timedelta(days=8)
    assert {finding.kind for finding in await harbour.compare()} == {Kind.UPLOAD_OVERDUE}
    found = await harbour.compare(repair=True)
    assert [finding.repaired for finding in found] == [True] * 4
    statuses = [(await harbour.user.look(record))["status"] for record in records]
    assert statuses == ["failed", "uploaded", "uploaded", "failed"]
    assert harbour.bucket.is_clear_of(records[3]["key"])
    assert await harbour.compare(repair=True) == []


@pytest.mark.parametrize("end", ["failed", "deleted"])
async def test_an_object_that_came_too_late_is_removed(harbour: Harbour, end: str) -> None:
    record, stays = await harbour.file(), await harbour.file()
    await (harbour.user.move(record, "failed") if end == "failed" else harbour.user.delete(record))
    harbour.put(record["key"])
    await harbour.repaired_for_good(Kind.OBJECT_LEFT_OVER)
    assert not harbour.bucket.holds(record["key"])
    assert harbour.bucket.holds(stays["key"])


@pytest.mark.parametrize("end", ["failed", "deleted"])
async def test_parts_that_came_too_late_are_removed(harbour: Harbour, end: str) -> None:
    record, stays = await harbour.user.begin_and_send(), await harbour.user.begin_and_send()
    await (harbour.user.abort(record) if end == "failed" else harbour.user.delete(record))
    harbour.begin(record["key"])
    await harbour.repaired_for_good(Kind.PARTS_LEFT_OVER)
    assert harbour.bucket.is_clear_of(record["key"])
    assert len(harbour.bucket.uploads(stays["key"])) == 1


@pytest.mark.parametrize("status", ["pending", "uploaded"])
async def test_an_upload_that_its_record_does_not_name_is_aborted(
    harbour: Harbour, status: str
) -> None:
    record = await harbour.user.begin_and_send()
    if status == "uploaded":
        await harbour.user.complete(record)
    own = harbour.bucket.uploads(record["key"])
    harbour.begin(record["key"])
    await harbour.repaired_for_good(Kind.PARTS_STRAY)
    assert harbour.bucket.uploads(record["key"]) == own
    assert (await harbour.user.complete(record)).status_code == 200


async def test_what_has_no_record_is_removed_when_asked_and_a_day_old(harbour: Harbour) -> None:
    stays = await harbour.file()
    keys = [harbour.key("nobody's/object"), harbour.key("nobody's/parts")]
    harbour.put(keys[0])
    harbour.begin(keys[1])
    found = await harbour.compare(repair=True, remove_unknown=True)
    kinds = [Kind.OBJECT_UNKNOWN, Kind.PARTS_UNKNOWN]
    assert [(f.kind, f.key, f.repaired) for f in found] == [
        (kind, key, False) for kind, key in zip(kinds, keys, strict=True)
    ]
    found = await harbour.compare(STRANGE_FOR, remove_unknown=True)
    assert [(f.kind, f.repaired) for f in found] == [(kind, True) for kind in kinds]
    assert all(map(harbour.bucket.is_clear_of, keys))
    assert await harbour.compare(remove_unknown=True) == []
    assert harbour.bucket.holds(stays["key"])


async def test_a_deletion_that_stopped_half_way_is_finished(harbour: Harbour) -> None:
    record = await harbour.file()
    await harbour.user.delete(record)
    await harbour.sql("UPDATE files SET deleted_at = NULL, remove_at = NULL")
    await harbour.sql("UPDATE usages SET used_files = 1, used_bytes = 5")
    await harbour.repaired_for_good(Kind.DELETION_UNFINISHED)
    assert (await harbour.user.call("GET", f"/files/{record['id']}")).status_code == 404


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE usages SET used_files = used_files + 1",
        "UPDATE usages SET used_bytes = 0",
        "UPDATE usages SET reserved_files = 0",
        "UPDATE usages SET reserved_bytes = reserved_bytes - 1",
        "DELETE FROM usages",
        "INSERT INTO usages (owner, reserved_bytes) VALUES ('somebody', 7)",
    ],
)
async def test_what_owners_are_said_to_hold_is_recounted(harbour: Harbour, damage: str) -> None:
    await harbour.file()
    await harbour.user.begin()
    counters = "used_files, used_bytes, reserved_files, reserved_bytes"
    question = f"SELECT {counters} FROM usages WHERE owner = '{harbour.user.subject}'"
    before = await harbour.sql(question)
    await harbour.sql(damage)
    await harbour.repaired_for_good(Kind.USAGE_MISCOUNTED)
    assert await harbour.sql(question) == before


TRANSIENT = {
    Kind.UPLOAD_UNREPORTED,
    Kind.OBJECT_LEFT_OVER,
    Kind.PARTS_LEFT_OVER,
    Kind.DELETION_UNFINISHED,
}
"""States that files pass through by themselves, and which `at_rest` therefore passes over."""


@pytest.mark.parametrize(
    ("at_rest", "passing"), [(AT_REST, set[Kind]()), (timedelta(0), TRANSIENT)]
)
async def test_a_busy_service_is_neither_accused_nor_disturbed(
    harbour: Harbour, at_rest: timedelta, passing: set[Kind]
) -> None:
    """While files of every fate come and go, each of which must go well for its user."""
    broken = await harbour.file()
    harbour.remove(broken["key"])

    async def live() -> None:
        while True:
            await asyncio.gather(
                harbour.file("completed"),
                harbour.user.ask(),
                _then(harbour.user.delete, harbour.file()),
                _then(harbour.user.abort, harbour.user.begin_and_send(b"x")),
                _then(harbour.user.complete, harbour.user.begin_and_send(b"x")),
            )

    living = asyncio.create_task(live())
    try:
        for _ in range(6):
            found = await harbour.compare(
                timedelta(0), repair=True, remove_unknown=True, at_rest=at_rest
            )
            wrong = [finding for finding in found if finding.kind not in passing]
            assert [str(finding.file_id) for finding in wrong] == [broken["id"]]
    finally:
        living.cancel()
        await asyncio.wait({living})
    assert living.cancelled()
    assert harbour.outcome.seen.total() > 0


async def _then(action: Callable[..., Any], making: Any) -> None:
    record = await making
    answer = await action(record)
    assert answer.status_code in (200, 204), answer.text


class TestCommand:
    """What somebody at a terminal has of it."""

    @pytest.fixture
    def run(
        self, harbour: Harbour, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., "asyncio.Future[Result]"]:
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        given = harbour.settings
        for name in (
            *("database_url", "storage_type", "s3_bucket", "s3_region", "s3_endpoint_url"),
            *("s3_access_key", "s3_secret_key", "s3_provider", "s3_key_prefix", "jwt_secret"),
        ):
            value = getattr(given, name)
            plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
            monkeypatch.setenv(name.upper(), str(plain))

        def command(*arguments: str) -> "asyncio.Future[Result]":
            # In a thread, because it has an event loop of its own.
            return asyncio.ensure_future(
                asyncio.to_thread(CliRunner().invoke, app, ["reconcile", *arguments])
            )

        return command

    async def test_ends_with_0_when_all_is_well(self, harbour: Harbour, run: Any) -> None:
        await harbour.file()
        result = await run("--min-age", "0")
        assert result.exit_code == 0, result.output
        assert "Store and records agree." in result.stdout
        assert "1 objects" in result.stdout

    async def test_ends_with_1_while_findings_remain(self, harbour: Harbour, run: Any) -> None:
        record = await harbour.file("pending")
        harbour.put(harbour.key("strange\x1b[2J"))
        result = await run("--min-age", "0")
        assert result.exit_code == 1, result.output
        assert f"found     upload_unreported    {record['key']}" in result.stdout
        assert "strange\\x1b[2J" in result.stdout
        assert "run with --remove-unknown" in result.stdout
        result = await run("--min-age", "0", "--repair")
        assert result.exit_code == 1, result.output
        assert f"repaired  upload_unreported    {record['key']}" in result.stdout
        harbour.remove(harbour.key("strange\x1b[2J"))
        assert (await run("--min-age", "0", "--repair")).exit_code == 0

    async def test_waits_until_all_is_at_rest(self, harbour: Harbour, run: Any) -> None:
        await harbour.file("pending")
        assert (await run()).exit_code == 0

    async def test_prints_one_document(self, harbour: Harbour, run: Any) -> None:
        empty = json.loads((await run("--json")).stdout)
        assert (empty["findings"], empty["remaining"]) == ([], 0)
        records = [await harbour.file("pending") for _ in range(2)]
        said = json.loads((await run("--json", "--min-age", "0", "--repair")).stdout)
        assert {finding["key"] for finding in said["findings"]} == {r["key"] for r in records}
        assert said["seen"]["objects"] == 2
        assert (said["found"], said["repaired"]) == ({"upload_unreported": 2},) * 2
        assert said["remaining"] == 0

    async def test_ends_with_2_when_it_cannot_run(
        self, run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = await run("--remove-unknown")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        assert "DATABASE_URL" in result.stderr
        monkeypatch.setenv("S3_SECRET_KEY", "another")
        result = await run()
        assert (result.exit_code, "denies access" in result.stderr) == (2, True)

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("AWS_PROFILE", "nobody", "S3"),
            ("S3_BUCKET", "not-there", "S3_BUCKET"),
            ("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none", "database"),
            ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
            ("UPLOAD_POLICIES_FILE", "/not/there.toml", "not/there"),
        ],
    )
    async def test_says_in_one_line_why_it_cannot_run(
        self, run: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
    ) -> None:
        monkeypatch.setenv(name, value)
        result = await run("--json")
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
        assert result.stderr.count("\n") == 1
