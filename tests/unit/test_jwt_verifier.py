"""Tokens that must be let in, and all the ones that must not."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.domain.principal import DEFAULT_SCOPES, Principal
from app.exceptions.errors import Unauthorized
from app.infrastructure import jwt_verifier as module
from app.infrastructure.jwt_verifier import JwtVerifier, jwt_verifier
from tests.support.tokens import (
    SECRET,
    PrivateKey,
    ec_key,
    hs256,
    private_pem,
    public_pem,
    rsa_key,
    segment,
    signed,
    signed_bytes,
    token_settings,
)


class Clock:
    """The present, moved at will."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def verifier(clock: Any = time.time, **values: Any) -> JwtVerifier:
    return jwt_verifier(token_settings(**({"jwt_secret": SECRET} | values)), clock)


def rsa_verifier(**values: Any) -> JwtVerifier:
    return verifier(jwt_secret=None, jwt_public_key=public_pem(rsa_key()), **values)


async def refusal(token: str, by: JwtVerifier | None = None) -> str:
    """Why it is refused; never by repeating any of it."""
    with pytest.raises(Unauthorized) as refused:
        await (by or verifier()).verify(token)
    detail = refused.value.detail
    assert not any(part in detail for part in token.split(".") if len(part) > 8)
    return detail


async def test_a_good_token() -> None:
    assert await verifier().verify(hs256()) == Principal("alice", DEFAULT_SCOPES)


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        ("files:read", {"files:read"}),
        ("files:read  files:process", {"files:read", "files:process"}),
        ("", set()),
    ],
)
async def test_scopes(scope: str, held: set[str]) -> None:
    assert (await verifier().verify(hs256(scope=scope))).scopes == held


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_only_listed_algorithms(algorithm: str) -> None:
    header = segment({"alg": algorithm})
    signing_input = f"{header}.{segment({'sub': 'a', 'exp': time.time() + 60})}"
    digest = hmac.new(SECRET.encode(), signing_input.encode(), f"sha{algorithm[2:]}").digest()
    token = f"{signing_input}.{segment(digest)}"
    assert (await verifier(jwt_algorithms=algorithm).verify(token)).subject == "a"
    other = "HS512" if algorithm != "HS512" else "HS256"
    assert "algorithm" in await refusal(token, verifier(jwt_algorithms=other))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key(), "RS256"),
        (ec_key(), "ES256"),
        (ec_key("middle", ec.SECP384R1), "ES384"),
        (ec_key("large", ec.SECP521R1), "ES512"),
    ],
)
@pytest.mark.parametrize("escaped", [False, True])
async def test_public_keys(key: PrivateKey, algorithm: str, escaped: bool) -> None:
    pem = public_pem(key)
    configured = pem.replace("\n", "\\n") if escaped else pem
    by = verifier(jwt_secret=None, jwt_public_key=configured)
    assert (await by.verify(signed(key, algorithm))).subject == "alice"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 1, [], {}, ["HS256"]])
async def test_no_algorithm(alg: Any) -> None:
    payload = segment({"sub": "alice", "exp": time.time() + 60})
    for signature in ("", "AAAA"):
        token = f"{segment({'alg': alg, 'typ': 'JWT'})}.{payload}.{signature}"
        assert "algorithm" in await refusal(token)
        assert "algorithm" in await refusal(token, rsa_verifier())


async def test_altered_payload() -> None:
    header, _, signature = hs256().split(".")
    payload = segment({"sub": "mallory", "exp": time.time() + 60})
    assert "signature" in await refusal(f"{header}.{payload}.{signature}")


async def test_altered_or_missing_signature() -> None:
    header, payload, signature = hs256().split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    for wrong in (flipped, signature[:-4], ""):
        assert "signature" in await refusal(f"{header}.{payload}.{wrong}")


async def test_another_key() -> None:
    assert "signature" in await refusal(hs256(secret="another secret of thirty-two bytes"))
    assert "signature" in await refusal(signed(rsa_key("other"), "RS256"), rsa_verifier())


async def test_the_public_key_is_no_secret() -> None:
    """RFC 8725 section 2.1: HS256 with the public RSA key as its secret."""
    pem = public_pem(rsa_key())
    for secret in (pem, pem.strip(), pem.replace("\n", "\\n")):
        signing_input = (
            f"{segment({'alg': 'HS256'})}.{segment({'sub': 'a', 'exp': time.time() + 60})}"
        )
        digest = hmac.new(secret.encode(), signing_input.encode(), hashlib.sha256).digest()
        token = f"{signing_input}.{segment(digest)}"
        assert "algorithm" in await refusal(token, rsa_verifier())
        both = verifier(jwt_public_key=pem)
        assert "signature" in await refusal(token, both)


async def test_each_family_keeps_to_its_own_key() -> None:
    both = verifier(jwt_public_key=public_pem(rsa_key()))
    assert await both.verify(hs256())
    assert await both.verify(signed(rsa_key(), "RS256"))
    assert "algorithm" in await refusal(signed(ec_key(), "ES256"), both)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"exp": None}, "no expiry"),
        ({"exp": 1}, "expired"),
        ({"exp": "9999999999"}, "exp must be a number"),
        ({"exp": True}, "exp must be a number"),
        ({"exp": []}, "exp must be a number"),
        ({"nbf": "soon"}, "nbf must be a number"),
        ({"aud": "somebody"}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"sub": None}, "needs a subject"),
        ({"sub": ""}, "needs a subject"),
        ({"sub": 5}, "needs a subject"),
        ({"sub": "x" * 256}, "1 to 255"),
        ({"sub": "a\x00b"}, "control characters"),
        ({"sub": "a\nb"}, "control characters"),
        ({"sub": "\ud800"}, "control characters"),
        ({"scope": ["files:read"]}, "scope must be a string"),
    ],
)
async def test_claims_that_are_refused(changes: dict[str, Any], says: str) -> None:
    assert says in await refusal(hs256(**changes))


@pytest.mark.parametrize(
    ("claim", "inside", "outside", "says"),
    [
        ("exp", -20, -31, "expired"),
        ("nbf", 25, 60, "not valid yet"),
        ("iat", 25, 60, "issued in the future"),
    ],
)
async def test_times_and_their_leeway(claim: str, inside: int, outside: int, says: str) -> None:
    now = int(time.time())
    assert await verifier().verify(hs256(**{claim: now + inside}))
    assert says in await refusal(hs256(**{claim: now + outside}))
    strict = verifier(jwt_leeway=0)
    assert says in await refusal(hs256(**{claim: now + inside}), strict)


@pytest.mark.parametrize("exp", [b"1e999", b"NaN", b"-Infinity", b"Infinity"])
async def test_times_that_never_come(exp: bytes) -> None:
    assert "exp must be" in await refusal(signed_bytes(b'{"sub":"a","exp":' + exp + b"}"))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 10**400},
        {"exp": 9999999999.5},
        {"sub": "x" * 255},
        {"sub": "日本 أحمد"},
        {"iss": "anybody"},
    ],
)
async def test_claims_that_are_fine(changes: dict[str, Any]) -> None:
    assert await verifier().verify(hs256(**changes))


async def test_issuer_and_audience() -> None:
    strict = verifier(jwt_issuer="https://id.example", jwt_audience="slipway")
    good = {"iss": "https://id.example", "aud": "slipway"}
    assert await strict.verify(hs256(**good))
    assert await strict.verify(hs256(**good | {"aud": ["other", "slipway"]}))
    for wrong in (None, "https://id.example/", 5):
        assert "issuer" in await refusal(hs256(**good | {"iss": wrong}), strict)
    for wrong in (None, "slipwa", ["other"], {"slipway": 1}):
        assert "audience" in await refusal(hs256(**good | {"aud": wrong}), strict)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "!!.b.c",
        "é.b.c",
        f"{segment({'alg': 'HS256'})}.{segment({})}.",
        f"{segment(b'{')}.e30.AA",
        f"{segment([])}.e30.AA",
        f"{segment(b'[' * 3000)}.e30.AA",
        segment(b'{"a":' * 900) + ".e30.AA",
        "A.e30.AA",
        f" {hs256()}",
        f"{hs256()}\n",
    ],
)
async def test_junk(token: str) -> None:
    await refusal(token)


async def test_the_longest_token() -> None:
    assert await verifier().verify(hs256(pad="x" * 5000))
    assert "longer than 8192" in await refusal(hs256(pad="x" * 9000))


@pytest.mark.parametrize("payload", [b"[]", b"5", b"{", b"\xff", b"[" * 5000])
async def test_signed_junk(payload: bytes) -> None:
    assert "not a JSON object" in await refusal(signed_bytes(payload))


async def test_critical_extensions_are_not_understood() -> None:
    """RFC 7515 section 4.1.11."""
    assert "crit" in await refusal(hs256(headers={"crit": ["b64"], "b64": False}))


async def test_a_key_that_the_token_brings_along_is_ignored() -> None:
    key = rsa_key("other")
    header = {"alg": "RS256", "jwk": {"kty": "oct", "k": segment(b"x")}, "x5u": "https://evil"}
    token = signed(key, "RS256")
    _, payload, signature = token.split(".")
    assert "signature" in await refusal(f"{segment(header)}.{payload}.{signature}", rsa_verifier())


async def test_a_verified_token_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    by, token = verifier(clock), hs256(exp=int(time.time()) + 3600)
    first = await by.verify(token)
    checks = []
    real = module._claims
    monkeypatch.setattr(module, "_claims", lambda *a: checks.append(a) or real(*a))
    assert await by.verify(token) is first
    assert checks == []
    clock.ahead = module.CACHE_SECONDS + 1
    assert await by.verify(token) == first
    assert len(checks) == 1


async def test_a_remembered_token_still_expires() -> None:
    clock = Clock()
    by, token = verifier(clock), hs256(exp=int(time.time()) + 60)
    assert await by.verify(token)
    clock.ahead = 89
    assert await by.verify(token)
    clock.ahead = 91
    assert "expired" in await refusal(token, by)


async def test_the_least_recently_used_token_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_SIZE", 2)
    by = verifier()
    first, second, third = (hs256(sub=name) for name in "abc")
    for token in (first, second, first, third):
        await by.verify(token)
    assert list(by._verified) == [first, third]


async def test_refused_tokens_are_not_kept() -> None:
    by = verifier()
    await refusal(hs256(exp=1), by)
    assert not by._verified


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"jwt_secret": None}, "set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL"),
        ({"jwt_secret": public_pem(rsa_key())}, "JWT_SECRET is a public key"),
        ({"jwt_public_key": "nonsense"}, "JWT_PUBLIC_KEY is not a PEM public key"),
        ({"jwt_public_key": private_pem(rsa_key())}, "JWT_PUBLIC_KEY is not a PEM public key"),
        ({"jwt_public_key": public_pem(rsa_key("weak", 1024))}, "2048 bits"),
        ({"jwt_public_key": public_pem(ec_key("odd", ec.SECP256K1))}, "2048 bits"),
        ({"jwt_algorithms": "RS256"}, "JWT_ALGORITHMS lists RS256"),
        ({"jwt_algorithms": "HS256,none"}, "JWT_ALGORITHMS lists none"),
        ({"jwt_jwks_url": "http://id.example/keys"}, "JWT_JWKS_URL must be https"),
        ({"jwt_jwks_url": "file:///etc/passwd"}, "JWT_JWKS_URL must be https"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        verifier(**values)
    assert SECRET not in str(refused.value)


def test_no_secret_in_the_representation() -> None:
    by = verifier()
    assert SECRET not in repr(by)
    assert SECRET not in json.dumps(vars(by), default=repr)
