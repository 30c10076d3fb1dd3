"""Multipart uploads against servers that answer late, wrongly, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser

import pytest

from app.domain.parts import StoredPart
from app.domain.ports import Assembly, UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.settings import Settings
from tests.support.stores import open_store

SPEC = UploadSpec(key="k", type="text/plain", size=1)
PARTS = [StoredPart(1, 1, "etag")]
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
DONE = f"{XML}<CompleteMultipartUploadResult><ETag>e-1</ETag></CompleteMultipartUploadResult>"
NO_PARTS = f"{XML}<ListPartsResult></ListPartsResult>"
A_PART = (
    f"{XML}<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>1</Size>"
    "<LastModified>2026-11-21T12:00:00Z</LastModified></Part></ListPartsResult>"
)


def answer(body: str = "", status: int = 200) -> bytes:
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def refusal(code: str, status: int = 200) -> bytes:
    return answer(f"{XML}<Error><Code>{code}</Code><Message>m</Message></Error>", status)


@dataclass
class Script:
    """A server on loopback that gives these answers in turn; None closes the connection."""

    answers: list[bytes | None]
    delay: float = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                headers = BytesParser().parsebytes(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(int(headers.get("Content-Length", 0)))
                self.asked.append(line.split()[0].decode())
                said = self.answers.pop(0)
                await asyncio.sleep(self.delay)
                if said is None:
                    break
                writer.write(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def script(*answers: bytes | None, delay: float = 0) -> AsyncIterator[Script]:
    there = Script(list(answers), delay)
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield there


async def completed(server: Script, settings: Settings, **changes: float) -> Assembly:
    settings = settings.model_copy(update={"s3_endpoint_url": server.url, **changes})
    async with open_store(settings) as store:
        return await store.complete_multipart(SPEC, "upload", PARTS)


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(answer(f"   \n{DONE.removeprefix(XML)}"), id="spaces first"),
        pytest.param(answer(DONE.replace("?>\n", "?>\n      ")), id="spaces amid"),
    ],
)
async def test_an_answer_may_begin_with_the_spaces_that_keep_it_alive(
    store_settings: Settings, late: bytes
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""
    async with script(late) as server:
        assert await completed(server, store_settings) is Assembly.DONE


async def test_a_200_that_carries_an_error_is_tried_again(store_settings: Settings) -> None:
    async with script(refusal("InternalError"), answer(DONE)) as server:
        assert await completed(server, store_settings) is Assembly.DONE
    assert server.asked == ["POST", "POST"]


async def test_so_may_an_error(store_settings: Settings) -> None:
    late = refusal("InternalError").replace(b"?>\n", b"?> ")
    async with script(late, answer(DONE)) as server:
        assert await completed(server, store_settings) is Assembly.DONE


async def test_a_200_that_always_carries_an_error_is_no_success(store_settings: Settings) -> None:
    async with script(*[refusal("InternalError")] * 3) as server:
        with pytest.raises(StorageUnavailable, match="error"):
            await completed(server, store_settings)
    assert server.asked == ["POST"] * 3


async def test_a_200_that_carries_a_refusal_is_that_refusal(store_settings: Settings) -> None:
    async with script(*[refusal("InvalidPart")] * 3) as server:
        assert await completed(server, store_settings) is Assembly.PARTS_DIFFER


async def test_after_a_lost_answer_the_upload_is_gone(store_settings: Settings) -> None:
    async with script(None, refusal("NoSuchUpload", 404)) as server:
        assert await completed(server, store_settings) is Assembly.GONE
    assert server.asked == ["POST", "POST"]


@pytest.mark.parametrize(
    ("code", "status", "upload", "outcome"),
    [
        ("PreconditionFailed", 412, A_PART, Assembly.EXISTS),
        ("PreconditionFailed", 412, None, Assembly.GONE),
        ("ConditionalRequestConflict", 409, None, Assembly.GONE),
    ],
)
async def test_of_an_upload_that_is_gone_nothing_else_is_said(
    store_settings: Settings, code: str, status: int, upload: str | None, outcome: Assembly
) -> None:
    there = refusal("NoSuchUpload", 404) if upload is None else answer(upload)
    async with script(refusal(code, status), there) as server:
        assert await completed(server, store_settings) is outcome
    assert server.asked == ["POST", "GET"]


async def test_a_conflict_is_to_be_tried_again(store_settings: Settings) -> None:
    conflict = refusal("ConditionalRequestConflict", 409)
    async with script(conflict, answer(A_PART)) as server:
        with pytest.raises(StorageUnavailable):
            await completed(server, store_settings)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("InvalidPart", Assembly.PARTS_DIFFER),
        ("InvalidPartOrder", Assembly.PARTS_DIFFER),
        ("EntityTooSmall", Assembly.PARTS_DIFFER),
        ("BadDigest", Assembly.CHECKSUM_DIFFERS),
        ("NoSuchUpload", Assembly.GONE),
    ],
)
async def test_each_refusal_has_its_meaning(
    store_settings: Settings, code: str, outcome: Assembly
) -> None:
    async with script(refusal(code, 404 if code == "NoSuchUpload" else 400)) as server:
        assert await completed(server, store_settings) is outcome


@pytest.mark.parametrize("code", ["NoSuchBucket", "AccessDenied", "InvalidRequest"])
async def test_every_other_error_is_an_outage(store_settings: Settings, code: str) -> None:
    async with script(refusal(code, 400)) as server:
        with pytest.raises(StorageUnavailable):
            await completed(server, store_settings)


async def test_completing_may_take_longer_than_other_calls(store_settings: Settings) -> None:
    async with script(answer(DONE), delay=0.5) as server:
        outcome = await completed(server, store_settings, s3_timeout=0.3, s3_complete_timeout=30)
        assert outcome is Assembly.DONE


async def test_completing_is_bounded_all_the_same(store_settings: Settings) -> None:
    async with script(*[answer(DONE)] * 3, delay=30) as server, asyncio.timeout(60):
        with pytest.raises(StorageUnavailable, match="S3_COMPLETE_TIMEOUT"):
            await completed(server, store_settings, s3_complete_timeout=0.3)


async def test_aborting_goes_on_until_no_part_is_left(store_settings: Settings) -> None:
    aborted = answer(status=204)
    async with script(aborted, answer(A_PART), aborted, answer(NO_PARTS)) as server:
        settings = store_settings.model_copy(update={"s3_endpoint_url": server.url})
        async with open_store(settings) as store:
            await store.abort_multipart("k", "upload")
    assert server.asked == ["DELETE", "GET", "DELETE", "GET"]


async def test_aborting_gives_up_while_parts_keep_arriving(store_settings: Settings) -> None:
    async with script(*[answer(status=204), answer(A_PART)] * 5) as server:
        settings = store_settings.model_copy(update={"s3_endpoint_url": server.url})
        async with open_store(settings) as store:
            with pytest.raises(StorageUnavailable, match="still arriving"):
                await store.abort_multipart("k", "upload")
    assert server.answers == []


async def test_calls_are_counted_by_outcome(store_settings: Settings) -> None:
    calls: list[tuple[str, str]] = []
    gone = refusal("NoSuchUpload", 404)
    async with script(gone, gone, answer(DONE)) as server:
        settings = store_settings.model_copy(update={"s3_endpoint_url": server.url})
        async with open_store(settings, on_call=lambda o, how, _: calls.append((o, how))) as store:
            await store.complete_multipart(SPEC, "upload", PARTS)
            await store.abort_multipart("k", "upload")
            await store.complete_multipart(SPEC, "upload", PARTS)
    assert calls == [
        ("complete_multipart", "missing"),
        ("abort_multipart", "missing"),
        ("complete_multipart", "ok"),
    ]
