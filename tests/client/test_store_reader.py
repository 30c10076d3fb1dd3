"""Ranges from stores that keep to HTTP more or less."""

import threading
from collections.abc import Mapping

import pytest

from app.client.download_errors import NotServed, Replaced, Unranged
from app.client.store_reader import Range, StoreReader
from tests.support.stub_server import Answering, Asked, Told, stub_server

OBJECT = b"0123456789"
ETAG = "an-etag"
MIDDLE = Range(2, 5, len(OBJECT))
WHOLE = Range(0, 9, len(OBJECT))


def part(content: bytes = b"2345", **headers: str) -> Told:
    plain = {"ETag": f'"{ETAG}"', "Content-Range": "bytes 2-5/10"}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(206, content, plain | more)


def read(answering: Answering, wanted: Range = MIDDLE, etag: str | None = ETAG) -> bytes:
    got = bytearray()
    with stub_server(answering) as server:
        reader = StoreReader()
        try:
            reader.read(f"{server.url}/key?signed=1", etag, wanted, got.extend)
        finally:
            reader.close()
    return bytes(got)


def test_a_range_is_asked_for_of_one_object_only() -> None:
    asked: list[Asked] = []

    def answering(request: Asked) -> Told:
        asked.append(request)
        return part()

    assert read(answering) == b"2345"
    [request] = asked
    headers: Mapping[str, str] = request.headers
    assert (request.path, headers["Range"]) == ("/key?signed=1", "bytes=2-5")
    assert headers["If-Match"] == f'"{ETAG}"'
    assert headers["Accept-Encoding"] == "identity"


def test_a_record_without_an_etag_is_no_condition() -> None:
    def answering(request: Asked) -> Told:
        assert "If-Match" not in request.headers
        return part(ETag='"any"')

    assert read(answering, etag=None) == b"2345"


@pytest.mark.parametrize(
    "told",
    [
        Told(412),
        Told(416),
        part(ETag='"another"'),
        part(Content_Range="bytes 2-5/11"),
        part(Content_Range="bytes 0-3/10"),
        part(b"234"),
    ],
)
def test_another_object_is_recognised(told: Told) -> None:
    with pytest.raises(Replaced):
        read(lambda _: told)


def test_a_whole_object_is_taken_only_where_it_was_wanted() -> None:
    told = Told(200, OBJECT, {"ETag": f'"{ETAG}"'})
    assert read(lambda _: told, WHOLE) == OBJECT
    with pytest.raises(Unranged):
        read(lambda _: told)


def test_a_refusal_has_its_code() -> None:
    body = b"<Error><Code>SlowDown</Code><Message>signed-secret</Message></Error>"
    with pytest.raises(NotServed) as refused:
        read(lambda _: Told(503, body))
    assert (refused.value.status, refused.value.s3_code) == (503, "SlowDown")
    assert str(refused.value) == "the store does not hand the file out: SlowDown (503)"
    assert refused.value.passes


def test_nobody_waits_for_a_store_that_was_cut_off() -> None:
    asked, over = threading.Event(), threading.Event()

    def silent(_: Asked) -> None:
        asked.set()
        over.wait()

    reader, failed = StoreReader(), []

    def wait_for_it(url: str) -> None:
        try:
            reader.read(url, ETAG, MIDDLE, lambda _: None)
        except Exception as error:
            failed.append(error)

    with stub_server(silent) as server:
        thread = threading.Thread(target=wait_for_it, args=[f"{server.url}/key?signed=1"])
        thread.start()
        assert asked.wait(60)
        reader.cut()
        thread.join(30)
        waits = thread.is_alive()
        over.set()
        thread.join()
        reader.close()
    assert not waits
    assert len(failed) == 1
