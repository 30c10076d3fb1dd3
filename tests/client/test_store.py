"""Bytes on their way from a file to a store, with and without TLS."""

import random
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from app.client.delivery import ATTEMPTS, FRESH_URLS, Delivery
from app.client.errors import FileChanged, StoreRefused, StoreUnreachable
from app.client.store import Slice, Store
from tests.support.chaos import ERROR
from tests.support.processes import DEADLINE
from tests.support.stub_server import Told, one_after_the_other, stub_server
from tests.support.tokens import ec_key, private_pem

CONTENT = random.Random(3).randbytes(3 * 1024**2 + 7)
EXPIRED = Told(403, ERROR.format("AccessDenied").encode())
SLOW_DOWN = Told(503, ERROR.format("SlowDown").encode())


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Slice]:
    """All but the first and the last byte of a file."""
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    with path.open("rb", buffering=0) as opened:
        yield Slice(opened, 1, len(CONTENT) - 2)


class Sent:
    """Counts what a delivery says."""

    def __init__(self) -> None:
        self.total = 0
        self.pauses: list[float] = []
        self.store = Store()

    def __call__(self, count: int) -> None:
        self.total += count

    def deliver(self, file: Slice, url: str, **more: Any) -> None:
        Delivery(self.store, pause=self.pauses.append).deliver(file, url, self, **more)


@pytest.fixture
def sent() -> Iterator[Sent]:
    sent = Sent()
    yield sent
    sent.store.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key, name = ec_key(), x509.Name([])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_text(signed.public_bytes(Encoding.PEM).decode() + private_pem(key))
    return path


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_exactly_the_slice_arrives_with_the_signed_host(file: Slice, sent: Sent) -> None:
    with stub_server(lambda _: Told()) as server:
        for number in (1, 2):
            url = f"{server.url}/bucket/key?partNumber={number}&X-Amz-Signature=a%2Fb"
            sent.deliver(file, url, headers={"If-None-Match": "*"})
    assert [asked.path for asked in server.asked] == [
        f"/bucket/key?partNumber={number}&X-Amz-Signature=a%2Fb" for number in (1, 2)
    ]
    assert [asked.body for asked in server.asked] == [CONTENT[1:-1]] * 2
    assert server.asked[0].headers["Host"] == server.url.removeprefix("http://")
    assert server.asked[0].headers["If-None-Match"] == "*"
    assert sent.total == 2 * file.size


def test_with_tls_too(
    file: Slice, sent: Sent, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sent.store = Store()
    with stub_server(lambda _: Told(), tls=serving(certificate)) as server:
        sent.deliver(file, f"{server.url}/key?a=b")
    assert [asked.body for asked in server.asked] == [CONTENT[1:-1]]
    assert sent.total == file.size


def test_a_certificate_that_nobody_vouches_for_is_refused(
    file: Slice, sent: Sent, certificate: Path
) -> None:
    with (
        stub_server(lambda _: Told(), tls=serving(certificate)) as server,
        pytest.raises(StoreUnreachable, match="certificate verify failed"),
    ):
        sent.deliver(file, f"{server.url}/key?a=b")
    assert (server.asked, sent.total) == ([], 0)


@pytest.mark.parametrize("bad", [None, SLOW_DOWN, Told(500), Told(429)])
def test_what_passes_is_tried_again(file: Slice, sent: Sent, bad: Told | None) -> None:
    with stub_server(one_after_the_other(bad, bad, Told())) as server:
        sent.deliver(file, f"{server.url}/key?a=b")
    assert len(server.asked) == 3
    assert sent.total == file.size
    assert sent.pauses[0] == 0
    assert len(set(sent.pauses)) == 3, "with jitter"


def test_patience_ends(file: Slice, sent: Sent) -> None:
    with (
        stub_server(lambda _: SLOW_DOWN) as server,
        pytest.raises(StoreUnreachable, match=f"in {ATTEMPTS} tries: SlowDown"),
    ):
        sent.deliver(file, f"{server.url}/key?a=b")
    assert len(server.asked) == ATTEMPTS
    assert sent.total == 0
    assert sum(sent.pauses) < 60


def test_bytes_that_are_there_already_are_no_failure(file: Slice, sent: Sent) -> None:
    with stub_server(lambda _: Told(412, ERROR.format("PreconditionFailed").encode())) as server:
        sent.deliver(file, f"{server.url}/key?a=b")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "told", [EXPIRED, Told(400, ERROR.format("ExpiredToken").encode())], ids=["403", "400"]
)
def test_a_url_that_has_ended_is_replaced(file: Slice, sent: Sent, told: Told) -> None:
    def answering(asked: object) -> Told:
        return Told() if "fresh" in str(asked) else told

    with stub_server(answering) as server:
        first, fresh = f"{server.url}/key?old=1", f"{server.url}/key?fresh=1"
        given: list[str] = []
        sent.deliver(file, first, fresh_url=lambda url: given.append(url) or fresh)
    assert given == [first]
    assert sent.total == file.size


def test_what_is_refused_under_fresh_urls_too_is_told(file: Slice, sent: Sent) -> None:
    with stub_server(lambda _: EXPIRED) as server, pytest.raises(StoreRefused) as refused:
        sent.deliver(file, f"{server.url}/key?X-Amz-Signature=secret", fresh_url=lambda url: url)
    assert (refused.value.status, refused.value.s3_code) == (403, "AccessDenied")
    assert "secret" not in str(refused.value)
    assert len(server.asked) == 1 + FRESH_URLS
    assert sent.total == 0


def test_other_bytes_than_declared_are_refused_at_once(file: Slice, sent: Sent) -> None:
    with (
        stub_server(lambda _: Told(400, ERROR.format("BadDigest").encode())) as server,
        pytest.raises(StoreRefused, match=r"BadDigest \(400\)"),
    ):
        sent.deliver(file, f"{server.url}/key?a=b")
    assert len(server.asked) == 1


def test_a_file_that_became_shorter_is_told(file: Slice, sent: Sent) -> None:
    longer = Slice(file.file, 1, len(CONTENT) + 5)
    with stub_server(lambda _: Told()) as server, pytest.raises(FileChanged):
        sent.deliver(longer, f"{server.url}/key?a=b")
    assert sent.total == 0


def test_a_connection_is_used_again(file: Slice, sent: Sent) -> None:
    ports: set[int] = set()
    with stub_server(lambda _: Told()) as server:
        accept = server.get_request

        def counted() -> object:
            connection, address = accept()
            ports.add(address[1])
            return connection, address

        server.get_request = counted  # type: ignore[method-assign, assignment]
        for _ in range(3):
            sent.deliver(file, f"{server.url}/key?a=b")
    assert len(ports) == 1


def test_a_refusal_before_the_end_of_the_body_is_heard(tmp_path: Path, sent: Sent) -> None:
    """A store that looks at the head alone answers, reads no further and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(DEADLINE)

    def refuse() -> None:
        connection, _ = listener.accept()
        listener.close()
        with connection:
            connection.settimeout(DEADLINE)
            connection.recv(1024)
            body = ERROR.format("EntityTooLarge").encode()
            connection.sendall(b"HTTP/1.1 400 -\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    thread = threading.Thread(target=refuse)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/key?a=b"
    size = 64 * 1024**2  # more than the buffers of a connection hold
    with (tmp_path / "film.mp4").open("wb+", buffering=0) as file:
        file.truncate(size)
        with pytest.raises(StoreRefused, match="EntityTooLarge"):
            sent.deliver(Slice(file, 0, size), url)
    thread.join()
    assert sent.total == 0
