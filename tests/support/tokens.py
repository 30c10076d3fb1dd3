"""Keys, and tokens signed with them, right and wrong."""

import base64
import json
import time
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jose import jwk, jws, jwt

from app.settings import Settings

SECRET = "a secret of more than thirty-two bytes"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "first", bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key per name: making them is slow."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str = "first", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> PrivateKey:
    return ec.generate_private_key(curve())


def private_pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: PrivateKey) -> str:
    encoded = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def member(key: PrivateKey, algorithm: str, **extra: Any) -> dict[str, Any]:
    """The key as a member of a JWKS."""
    document = jwk.construct(public_pem(key), algorithm).to_dict()
    return {**document, "use": "sig", **extra}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with changes; None leaves a claim out."""
    now = int(time.time())
    merged = {"sub": "alice", "exp": now + 600, "iat": now, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def hs256(secret: str = SECRET, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256", headers=headers)


def signed(key: PrivateKey, algorithm: str, kid: str | None = None, **changes: Any) -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(**changes), private_pem(key), algorithm=algorithm, headers=headers)


def signed_bytes(payload: bytes) -> str:
    """A good HS256 signature over any payload at all."""
    return jws.sign(payload, SECRET, algorithm="HS256")  # type: ignore[arg-type]


def segment(value: Any) -> str:
    """A value as one part of a token: JSON in base64url without padding."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token_settings(**values: Any) -> Settings:
    """Settings that come from nowhere else."""
    return Settings(_env_file=None, **values)
