"""Uppy's own packages in Chromium, pointed at the service in place of Companion."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page

from tests.browser.console import Console
from tests.browser.files import MIB, is_stored, written
from tests.browser.people import Person
from tests.browser.site import Site
from tests.browser.store import StoreCable
from tests.browser.uppy_page import HERE, UPPY_5, UPPY_6, Bundle, UppyPage, Version
from tests.support.processes import eventually

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Opening = Callable[..., Awaitable[UppyPage]]
IN_PARTS = {"shouldUseMultipart": True}
TROUBLE = r"Failed to load resource|net::ERR|\[Uppy\]"


@pytest.fixture(params=[UPPY_5, UPPY_6], ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> Version:
    return request.param


@pytest.fixture
def opened(
    page: Page, site: Site, cable: StoreCable, person: Person, version: Version, bundle: Bundle
) -> Opening:
    """Opens the page: `limits` of an upload token, options of the uploader, and of the page."""
    module = bundle(HERE / version.name / "index.js", version.name)

    def opening(
        limits: dict[str, Any] | None = None, uploader: dict[str, Any] | None = None, **asked: Any
    ) -> Awaitable[UppyPage]:
        options = version.uploader(person, **(limits or {})) | (uploader or {})
        return UppyPage.opened(page, site, cable, module, options, **asked)

    return opening


def record_of(person: Person, status: str) -> dict[str, Any]:
    """The person's only file, once it stands so: nobody reports what a form has sent."""
    found: list[dict[str, Any]] = []

    def stands() -> bool:
        found[:] = person.files()
        return [file["status"] for file in found] == [status]

    eventually(stands, f"the only file is {status}")
    return found[0]


def is_gone(store: "S3Client", key: str) -> bool:
    listing = store.list_objects_v2(Bucket="slipway", Prefix=key)
    uploads = store.list_multipart_uploads(Bucket="slipway", Prefix=key)
    return (listing["KeyCount"], uploads.get("Uploads", [])) == (0, [])


def held_parts(store: "S3Client", key: str) -> set[int]:
    """What the store has of the upload in parts under the key."""
    (upload,) = store.list_multipart_uploads(Bucket="slipway", Prefix=key)["Uploads"]
    parts = store.list_parts(Bucket="slipway", Key=upload["Key"], UploadId=upload["UploadId"])
    return {part["PartNumber"] for part in parts.get("Parts", [])}


async def test_a_small_file_with_a_name_of_any_language(
    opened: Opening, person: Person, tmp_path: Path, console: Console
) -> None:
    # SeaweedFS answers a form without it, and Uppy 5 does not need it.
    console.allow("Could not read the Location header")
    path = written(tmp_path / "Übergrößen – 日本語 🐈.txt", 100_000)
    uppy = await opened()
    await uppy.begin(path)
    await uppy.arrived()
    record = record_of(person, "uploaded")
    assert (record["filename"], record["type"]) == (path.name, "text/plain")
    assert record["observed_size"] == 100_000
    assert is_stored(person, record, path)


async def test_sixty_mebibytes_in_parts(opened: Opening, person: Person, tmp_path: Path) -> None:
    path = written(tmp_path / "film – ½.bin", 60 * MIB)
    uppy = await opened(uploader=IN_PARTS)
    await uppy.begin(path)
    await uppy.arrived()
    assert sorted(uppy.sent_parts) == [*range(1, 13)]
    record = record_of(person, "uploaded")
    assert (record["filename"], record["observed_size"]) == (path.name, 60 * MIB)
    assert is_stored(person, record, path)


async def test_pause_and_resume(
    opened: Opening, person: Person, store: "S3Client", tmp_path: Path, console: Console
) -> None:
    console.allow(TROUBLE)
    path = written(tmp_path / "film.bin", 60 * MIB)
    uppy = await opened(uploader=IN_PARTS)
    uppy.cable.freeze_after(4)
    await uppy.begin(path)
    await uppy.cable.frozen()
    held = held_parts(store, record_of(person, "pending")["key"])
    await uppy.do("pauseAll")
    uppy.cable.thaw()
    sent = len(uppy.puts)
    assert 4 <= len(held) <= sent < 12

    await uppy.do("resumeAll")
    await uppy.arrived()
    assert not held & {*uppy.sent_parts[sent:]}
    assert is_stored(person, record_of(person, "uploaded"), path)


async def test_a_reload_with_golden_retriever_goes_on(
    opened: Opening, person: Person, store: "S3Client", tmp_path: Path, console: Console
) -> None:
    console.allow(TROUBLE)
    path = written(tmp_path / "film.bin", 40 * MIB)
    uppy = await opened(uploader=IN_PARTS)
    uppy.cable.freeze_after(3)
    await uppy.begin(path)
    await uppy.cable.frozen()
    pending = record_of(person, "pending")
    held = held_parts(store, pending["key"])
    await uppy.keeps("uploadId", f"{40 * MIB} bytes")

    await uppy.restored()
    uppy.cable.thaw()
    await uppy.page.evaluate("void uppy.emit('restore-confirmed')")
    await uppy.arrived()
    assert len(held) >= 3
    assert not held & {*uppy.sent_parts}
    record = record_of(person, "uploaded")
    assert record["id"] == pending["id"]
    assert is_stored(person, record, path)


@pytest.mark.parametrize("in_parts", [True, False], ids=["parts", "form"])
async def test_cancel_leaves_nothing_in_the_store(
    opened: Opening,
    person: Person,
    store: "S3Client",
    tmp_path: Path,
    console: Console,
    in_parts: bool,
) -> None:
    console.allow(TROUBLE)
    uppy = await opened(uploader={"shouldUseMultipart": in_parts})
    uppy.cable.freeze()
    async with uppy.page.expect_request(f"{uppy.cable.url}/**"):
        await uppy.begin(written(tmp_path / "film.bin", 30 * MIB))
    record = record_of(person, "pending")
    await uppy.do("cancelAll")
    uppy.cable.thaw()
    eventually(lambda: is_gone(store, record["key"]), "nothing of it is left")
    if in_parts:
        assert record_of(person, "failed")


async def test_the_person_reads_why_a_file_is_too_large(
    opened: Opening, version: Version, tmp_path: Path, console: Console
) -> None:
    """Uppy 6 ignores what the service answers, and shows the phrase of its status alone."""
    console.allow(TROUBLE)
    uppy = await opened(limits={"max_size": MIB}, declares=True)
    await uppy.begin(written(tmp_path / "film.bin", 2 * MIB))
    await uppy.told("up to 1048576 bytes" if version is UPPY_5 else "Too Large")


async def test_uppy_itself_refuses_by_the_limit_that_the_token_came_with(
    opened: Opening, person: Person, tmp_path: Path
) -> None:
    limit = person.http.post("/upload-tokens", json={"max_size": MIB}).json()["max_size"]
    uppy = await opened(restrictions={"maxFileSize": limit})
    await uppy.begin(written(tmp_path / "film.bin", 2 * MIB))
    await uppy.told("exceeds maximum allowed size of 1 MB")
    assert person.files() == []


@pytest.mark.parametrize("in_parts", [True, False], ids=["parts", "form"])
async def test_a_size_that_nobody_declared_is_bounded_too(
    opened: Opening,
    person: Person,
    store: "S3Client",
    tmp_path: Path,
    console: Console,
    in_parts: bool,
) -> None:
    console.allow(TROUBLE)
    uppy = await opened(limits={"max_size": MIB}, uploader={"shouldUseMultipart": in_parts})
    await uppy.begin(written(tmp_path / "film.bin", 7 * MIB))
    assert (await uppy.outcome())["successful"] == []
    (record,) = person.files()
    assert record["status"] in ("pending", "failed")
    assert store.list_objects_v2(Bucket="slipway", Prefix=record["key"])["KeyCount"] == 0


async def test_a_policy_may_complete_at_once(
    opened: Opening, person: Person, tmp_path: Path
) -> None:
    path = written(tmp_path / "film.bin", 12 * MIB)
    uppy = await opened(limits={"policy": "done"}, uploader=IN_PARTS)
    await uppy.begin(path)
    await uppy.arrived()
    assert is_stored(person, record_of(person, "completed"), path)
