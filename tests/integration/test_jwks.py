"""Tokens verified with keys that an identity provider publishes, over real HTTP."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.exceptions.errors import IdentityProviderUnavailable, Unauthorized
from app.infrastructure import jwks as module
from app.infrastructure.jwks import Jwks
from app.infrastructure.jwt_verifier import JwtVerifier, jwt_verifier
from tests.support.tokens import (
    SECRET,
    ec_key,
    hs256,
    member,
    private_pem,
    rsa_key,
    segment,
    signed,
    token_settings,
)


class IdentityProvider:
    """Serves a key set on the loopback and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[Any] = [member(rsa_key(), "RS256", kid="one")]
        self.body: bytes | None = None
        self.status = 200
        self.requests = 0
        self.hold = threading.Event()
        self.hold.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.requests += 1
                provider.hold.wait(10)
                body = provider.body or json.dumps({"keys": provider.keys}).encode()
                self.send_response(provider.status)
                self.send_header("Location", provider.url)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        return Handler


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    running = IdentityProvider()
    yield running
    running.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every key set made in this test."""
    present = Clock()
    defaults = {"on_change": lambda: None, "clock": present}
    monkeypatch.setattr(Jwks.__init__, "__kwdefaults__", defaults)
    return present


def verifier(provider: IdentityProvider, **values: Any) -> JwtVerifier:
    return jwt_verifier(token_settings(jwt_jwks_url=provider.url, **values))


async def test_published_keys_verify(provider: IdentityProvider) -> None:
    provider.keys.append(member(ec_key(), "ES256", kid="two"))
    by = verifier(provider)
    assert await by.verify(signed(rsa_key(), "RS256", "one"))
    assert await by.verify(signed(ec_key(), "ES256", "two"))
    assert await by.verify(signed(rsa_key(), "RS256"))  # RFC 7515 section 4.1.4: kid is optional
    assert provider.requests == 1
    await by.close()


async def test_keys_are_not_mixed_up(provider: IdentityProvider, clock: Clock) -> None:
    provider.keys.append(member(ec_key(), "ES256", kid="two"))
    by = verifier(provider, jwt_secret=SECRET)
    assert await by.verify(hs256())
    for token in (
        signed(rsa_key("other"), "RS256", "one"),
        signed(rsa_key(), "RS256", "two"),
        signed(ec_key(), "ES256", "one"),
    ):
        with pytest.raises(Unauthorized):
            await by.verify(token)
    await by.close()


async def test_an_unknown_key_is_looked_up_but_not_hammered(
    provider: IdentityProvider, clock: Clock
) -> None:
    by = verifier(provider)
    for number in range(20):
        with pytest.raises(Unauthorized, match="does not publish"):
            await by.verify(signed(rsa_key("forged"), "RS256", f"forged-{number}"))
    assert provider.requests == 1
    clock.now += module.MIN_INTERVAL
    with pytest.raises(Unauthorized):
        await by.verify(signed(rsa_key("forged"), "RS256", "forged"))
    assert provider.requests == 2
    await by.close()


async def test_a_new_key_is_found_at_once(provider: IdentityProvider, clock: Clock) -> None:
    by = verifier(provider)
    await by.verify(signed(rsa_key(), "RS256", "one"))
    provider.keys.append(member(rsa_key("next"), "RS256", kid="next"))
    clock.now += module.MIN_INTERVAL
    assert await by.verify(signed(rsa_key("next"), "RS256", "next"))
    await by.close()


async def test_a_withdrawn_key_stops_verifying(provider: IdentityProvider, clock: Clock) -> None:
    by, token = verifier(provider), signed(rsa_key(), "RS256", "one")
    await by.verify(token)
    provider.keys = [member(rsa_key("next"), "RS256", kid="next")]
    clock.now += module.MIN_INTERVAL
    await by.verify(signed(rsa_key("next"), "RS256", "next"))
    with pytest.raises(Unauthorized):
        await by.verify(token)
    await by.close()


async def test_old_keys_are_fetched_again_without_waiting(
    provider: IdentityProvider, clock: Clock
) -> None:
    keys = Jwks(provider.url)
    assert await keys.find("RS256", "one")
    provider.hold.clear()
    clock.now += module.MAX_AGE + 1
    assert await keys.find("RS256", "one")  # the endpoint is holding its answer back
    assert keys._refreshing is not None
    provider.hold.set()
    await keys._refreshing
    assert provider.requests == 2
    await keys.close()


async def test_simultaneous_lookups_share_one_request(provider: IdentityProvider) -> None:
    keys = Jwks(provider.url)
    provider.hold.clear()
    lookups = [asyncio.create_task(keys.find("RS256", "one")) for _ in range(50)]
    await asyncio.sleep(0)
    provider.hold.set()
    found = await asyncio.gather(*lookups)
    assert all(found)
    assert provider.requests == 1
    await keys.close()


async def test_a_caller_who_leaves_does_not_stop_the_others(provider: IdentityProvider) -> None:
    keys = Jwks(provider.url)
    provider.hold.clear()
    impatient = asyncio.create_task(keys.find("RS256", "one"))
    patient = asyncio.create_task(keys.find("RS256", "one"))
    await asyncio.sleep(0)
    impatient.cancel()
    provider.hold.set()
    assert await patient
    await keys.close()


async def test_closing_while_it_fetches(provider: IdentityProvider) -> None:
    keys = Jwks(provider.url)
    provider.hold.clear()
    waiting = asyncio.create_task(keys.find("RS256", "one"))
    await asyncio.sleep(0)
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_endpoint_that_is_down(provider: IdentityProvider, clock: Clock) -> None:
    by, known = verifier(provider), signed(rsa_key(), "RS256", "one")
    await by.verify(known)
    provider.close()
    clock.now += module.MAX_AGE + 1
    assert await by.verify(signed(rsa_key(), "RS256", "one", sub="bob"))  # keys in hand still serve
    with pytest.raises(IdentityProviderUnavailable) as unavailable:
        await by.verify(signed(rsa_key("next"), "RS256", "next"))
    assert unavailable.value.retry_after == module.MIN_INTERVAL
    await by.close()


async def test_an_endpoint_that_was_never_up(provider: IdentityProvider, clock: Clock) -> None:
    provider.status = 503
    by = verifier(provider)
    for _ in range(5):
        with pytest.raises(IdentityProviderUnavailable):
            await by.verify(signed(rsa_key(), "RS256", "one"))
    assert provider.requests == 1
    provider.status = 200
    clock.now += module.MIN_INTERVAL
    assert await by.verify(signed(rsa_key(), "RS256", "one"))
    await by.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"keys": {}}'),
        (200, b"[" * 100_000),
        (200, json.dumps({"keys": [{}] * (module.MAX_KEYS + 1)}).encode()),
        (200, b'{"keys": []}' + b" " * module.MAX_BYTES),
        (302, b""),
        (404, b'{"keys": []}'),
        (500, b""),
    ],
)
async def test_answers_that_are_no_key_set(
    provider: IdentityProvider, status: int, body: bytes
) -> None:
    provider.status, provider.body = status, body or b" "
    keys = Jwks(provider.url)
    with pytest.raises(IdentityProviderUnavailable):
        await keys.find("RS256", "one")
    assert provider.requests == 1  # no redirect is followed, nothing is tried twice
    await keys.close()


async def test_an_answer_that_never_ends(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    provider.hold.clear()
    keys = Jwks(provider.url)
    with pytest.raises(IdentityProviderUnavailable):
        await keys.find("RS256", "one")
    await keys.close()


async def test_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within the socket's timeout; only the deadline ends it."""
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            gone.set()
        finally:
            writer.close()

    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    keys = Jwks(f"http://localhost:{port}/")
    with pytest.raises(IdentityProviderUnavailable):
        await keys.find("RS256", None)
    async with asyncio.timeout(60):
        await gone.wait()
    await keys.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "bad",
    [
        None,
        5,
        {},
        {"kty": "oct", "k": segment(SECRET.encode()), "kid": "one"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "one"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "one"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "one"},
        {"kty": "RSA", "kid": "one"},
        {"kty": [], "kid": "one"},
        {**member(rsa_key("unused"), "RS256", kid="one"), "use": "enc"},
        {**member(rsa_key("unused"), "RS256", kid="one"), "key_ops": ["encrypt"]},
        {**member(rsa_key("unused"), "RS256", kid="one"), "alg": "RS512"},
        member(rsa_key("weak", 1024), "RS256", kid="one"),
    ],
)
async def test_members_that_cannot_be_used_do_not_spoil_the_rest(
    provider: IdentityProvider, bad: Any
) -> None:
    provider.keys = [bad, member(rsa_key(), "RS256", kid="one")]
    keys = Jwks(provider.url)
    assert len(await keys.find("RS256", "one")) == 1
    assert await keys.find("HS256", "one") == ()
    await keys.close()


async def test_a_published_private_key_is_not_used(provider: IdentityProvider) -> None:
    from jose import jwk

    private = jwk.construct(private_pem(rsa_key()), "RS256").to_dict()
    provider.keys = [{**private, "kid": "one"}]
    keys = Jwks(provider.url)
    assert await keys.find("RS256", "one") == ()
    await keys.close()


async def test_an_ill_typed_key_id(provider: IdentityProvider) -> None:
    by = verifier(provider)
    _, payload, signature = signed(rsa_key(), "RS256").split(".")
    for kid in (5, ["one"], {"one": 1}):
        with pytest.raises(Unauthorized, match="kid"):
            await by.verify(f"{segment({'alg': 'RS256', 'kid': kid})}.{payload}.{signature}")
    assert provider.requests == 0
    await by.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_plain_http_on_the_loopback_only(host: str) -> None:
    Jwks(f"http://{host}/keys")
    for url in ("http://127.0.0.1.evil.example/", "http://10.0.0.1/", "ftp://localhost/", "keys"):
        with pytest.raises(ValueError, match="JWT_JWKS_URL must be https"):
            Jwks(url)
