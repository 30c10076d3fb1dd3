"""What the sender does at endpoints that behave, and at those that do not."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from app.domain.webhook import Outcome
from app.domain.webhook_address import AddressRule
from app.infrastructure.webhooks.network import MAX_LOOKUPS, Resolve
from app.infrastructure.webhooks.sender import MAX_ANSWER, WebhookSender
from tests.support.certificates import Certificates
from tests.support.receiver import endless, receiving, silence, status

LOOPBACK = AddressRule.parse(["127.0.0.0/8"])
NO_ADDRESS = "The host name has no public address."


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For connections and handshakes, on a machine that is busy with others."""
    monkeypatch.setattr("app.infrastructure.webhooks.sender.CONNECT_TIMEOUT", 60.0)


@asynccontextmanager
async def sending(
    rule: AddressRule = LOOPBACK,
    *,
    timeout: float = 60.0,  # noqa: ASYNC109
    tls: ssl.SSLContext | None = None,
    names: Resolve | None = None,
) -> AsyncIterator[WebhookSender]:
    extra = {"resolve": names} if names else {}
    sender = WebhookSender(rule, connections=4, timeout=timeout, tls=tls, **extra)
    try:
        yield sender
    finally:
        await sender.close()


async def post(url: str, **options: object) -> Outcome:
    async with sending(**options) as sender:  # type: ignore[arg-type]
        return await sender.post(url, {"webhook-id": "msg_1"}, b'{"a":1}')


async def test_the_body_and_headers_arrive_as_they_were_given() -> None:
    async with receiving() as receiver:
        assert await post(receiver.url("/a/b?c=d")) == Outcome(204)
    [request] = receiver.received
    assert (request.path, request.body) == ("/a/b?c=d", b'{"a":1}')
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_a_connection_serves_again() -> None:
    async with receiving() as receiver, sending() as sender:
        for _ in range(3):
            await sender.post(receiver.url(), {}, b"{}")
    assert (len(receiver.received), receiver.connections) == (3, 1)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_redirects_are_not_followed(code: int) -> None:
    async with receiving() as receiver, receiving() as target:
        receiver.otherwise = status(code, f"Location: {target.url()}")
        outcome = await post(receiver.url())
    assert (outcome.status, outcome.is_delivered) == (code, False)
    assert "redirect" in (outcome.error or "")
    assert target.received == []


async def test_silence_ends_at_the_timeout() -> None:
    async with receiving() as receiver:
        receiver.otherwise = silence
        outcome = await post(receiver.url(), timeout=0.3)
    assert outcome == Outcome(error="No answer within 0.3 seconds.")


async def test_an_endless_answer_is_dropped_after_a_while() -> None:
    sent = 0

    async def counting(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        write = writer.write

        def count(data: bytes) -> None:
            nonlocal sent
            sent += len(data)
            write(data)

        writer.write = count  # type: ignore[method-assign, assignment]
        await endless(writer)

    async with receiving() as receiver:
        receiver.otherwise = counting
        assert await post(receiver.url()) == Outcome(200)
    # The rest is in the buffers of both ends, which the kernel makes as large as it likes.
    assert MAX_ANSWER < sent < 64 * 1024**2


async def test_a_body_that_drips_does_not_undo_the_status() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n.")
        await writer.drain()
        await silence(writer)

    async with receiving() as receiver:
        receiver.otherwise = drip
        outcome = await post(receiver.url())
    assert outcome == Outcome(200)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 200", b""])
async def test_what_is_not_http_is_a_failure(answer: bytes) -> None:
    async def babble(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with receiving() as receiver:
        receiver.otherwise = babble
        outcome = await post(receiver.url())
    assert outcome == Outcome(error="The connection broke, or the answer was not HTTP.")


async def test_endless_headers_are_a_failure() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"X-Header: " + b"x" * 4000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass

    async with receiving() as receiver:
        receiver.otherwise = flood
        outcome = await post(receiver.url())
    assert (outcome.status, outcome.is_delivered) == (None, False)


async def test_nobody_listens() -> None:
    async with receiving() as receiver:
        url = receiver.url()
    assert await post(url) == Outcome(error="The connection was refused.")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("0", 0), ("-1", None), ("soon", None), ("9" * 30, None), ("", None)],
)
async def test_retry_after_in_seconds(value: str, seconds: int | None) -> None:
    async with receiving() as receiver:
        receiver.otherwise = status(503, f"Retry-After: {value}")
        outcome = await post(receiver.url())
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert outcome == Outcome(503, retry_after=expected)


@pytest.mark.parametrize("year", ["10000", "9" * 20])
async def test_retry_after_at_a_date_that_is_none(year: str) -> None:
    async with receiving() as receiver:
        receiver.otherwise = status(200, f"Retry-After: Sat, 21 Nov {year} 12:00:00 GMT")
        assert await post(receiver.url()) == Outcome(200)


async def test_retry_after_as_a_date() -> None:
    at = datetime.now(UTC) + timedelta(minutes=10)
    async with receiving() as receiver:
        receiver.otherwise = status(503, f"Retry-After: {format_datetime(at, usegmt=True)}")
        outcome = await post(receiver.url())
    assert outcome.retry_after is not None
    assert timedelta(minutes=9) < outcome.retry_after <= timedelta(minutes=10)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001"])
async def test_loopback_is_reached_only_when_allowed(host: str) -> None:
    async with receiving() as receiver:
        for scheme in ("http", "https"):
            receiver.scheme = scheme
            outcome = await post(receiver.url(host=host), rule=AddressRule())
            assert outcome == Outcome(error=NO_ADDRESS)
    assert receiver.connections == 0


async def test_a_name_whose_lookup_never_ends_keeps_no_other_from_being_looked_up() -> None:
    end = threading.Event()

    def resolve(host: str, _: int) -> list[str]:
        if host == "silent.test":
            end.wait(300)
        return ["127.0.0.1"]

    async with receiving() as receiver, sending(names=resolve) as sender:
        try:
            sender._timeout = 0.1
            for _ in range(MAX_LOOKUPS + 1):
                assert not (await sender.post("http://silent.test", {}, b"")).is_delivered
            sender._timeout = 60.0
            answer = await sender.post(f"http://lively.test:{receiver.port}", {}, b"")
        finally:
            end.set()
    assert answer == Outcome(204)


async def test_a_name_that_does_not_resolve_sounds_the_same() -> None:
    assert await post("https://nowhere.invalid/") == Outcome(error=NO_ADDRESS)


async def test_one_address_that_is_not_permitted_is_one_too_many() -> None:
    async with receiving() as receiver:
        url = receiver.url(host="both.example")
        outcome = await post(url, names=lambda *_: ["127.0.0.1", "169.254.169.254"])
    assert outcome == Outcome(error=NO_ADDRESS)
    assert receiver.connections == 0


async def test_a_name_that_was_public_may_lead_home_later() -> None:
    """DNS rebinding: the check asks once, and the connection goes where the check looked."""
    async with receiving() as receiver:
        answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"]])
        asked: list[str] = []

        def names(host: str, port: int) -> list[str]:
            asked.append(host)
            return next(answers)

        url = receiver.url(host="rebind.example")
        receiver.otherwise = status(204, "Connection: close")
        async with sending(names=names) as sender:
            outcomes = [await sender.post(url, {}, b"{}") for _ in range(3)]
    assert outcomes == [Outcome(204), Outcome(error=NO_ADDRESS), Outcome(204)]
    assert asked == ["rebind.example"] * 3
    assert len(receiver.received) == 2


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with receiving() as receiver:
        url = receiver.url(host="two.example")
        outcome = await post(url, names=lambda *_: ["127.0.0.2", "127.0.0.1"])
    assert outcome == Outcome(204)


async def test_a_lookup_that_hangs_is_a_timeout() -> None:
    known = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        known.wait(60)
        return ["127.0.0.1"]

    try:
        outcome = await post("https://slow.example/", names=slow, timeout=0.2)
    finally:
        known.set()
    assert outcome == Outcome(error="No answer within 0.2 seconds.")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        assert await post(receiver.url()) == Outcome(204)
    assert proxy.connections == 0


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path, "hook.example", "127.0.0.9")


def hook(*_: object) -> list[str]:
    return ["127.0.0.1"]


async def test_tls_verifies_the_name_though_the_address_is_dialled(
    certificates: Certificates,
) -> None:
    async with receiving(certificates.server) as receiver:
        url = receiver.url(host="hook.example")
        assert await post(url, tls=certificates.client, names=hook) == Outcome(204)
    assert receiver.received[0].headers["host"] == f"hook.example:{receiver.port}"


async def test_the_certificate_of_another_name_is_refused(
    certificates: Certificates, quiet_handshakes: None
) -> None:
    async with receiving(certificates.server) as receiver:
        url = receiver.url(host="other.example")
        outcome = await post(url, tls=certificates.client, names=hook)
    assert "certificate does not verify" in (outcome.error or "")
    assert receiver.received == []


async def test_an_unknown_authority_is_refused(
    certificates: Certificates, quiet_handshakes: None
) -> None:
    async with receiving(certificates.server) as receiver:
        outcome = await post(receiver.url(host="hook.example"), names=hook)
    assert "certificate does not verify" in (outcome.error or "")


async def test_plain_http_behind_https_is_a_failed_handshake() -> None:
    async with receiving() as receiver:
        receiver.scheme = "https"
        outcome = await post(receiver.url(host="hook.example"), names=hook, timeout=2)
    assert not outcome.is_delivered
    assert outcome.error


async def test_many_at_once_arrive() -> None:
    async with receiving() as receiver, sending() as sender:
        posts = (sender.post(receiver.url(), {}, b"{}") for _ in range(40))
        assert set(await asyncio.gather(*posts)) == {Outcome(204)}
    assert receiver.connections <= 4
