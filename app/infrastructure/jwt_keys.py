"""Signing keys and the algorithms each may verify: never one with another family's key.

That separation is what stops the algorithm confusion of RFC 8725 section 2.1, where a public RSA
key is used as the secret of an HS256 token.
"""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JWKError

Keys = Mapping[str, Key]
"""Algorithm name (RFC 7518 section 3.1) to the key prepared for it."""

HMAC_ALGORITHMS = ("HS256", "HS384", "HS512")
RSA_ALGORITHMS = ("RS256", "RS384", "RS512")
CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
"""RFC 7518 section 3.4 ties each ECDSA algorithm to one curve."""
PUBLIC_KEY_ALGORITHMS = (*RSA_ALGORITHMS, *CURVE_ALGORITHMS.values())

MIN_RSA_BITS = 2048
"""RFC 7518 section 3.3."""


def secret_keys(secret: str) -> Keys:
    """Keys of the HMAC family; `ValueError` when the secret is a public key or certificate."""
    try:
        return {name: jwk.construct(secret, name) for name in HMAC_ALGORITHMS}
    except JWKError:
        raise ValueError("is a public key or a certificate: set JWT_PUBLIC_KEY instead") from None


def pem_keys(pem: str) -> Keys:
    """Keys for a PEM public key; `ValueError` if unfit. Line ends may be written as `\\n`."""
    try:
        keys = _prepare(pem.replace("\\n", "\n").encode())
    except ValueError:
        raise ValueError("is not a PEM public key (-----BEGIN PUBLIC KEY-----)") from None
    if not keys:
        raise ValueError(f"must be an RSA key of {MIN_RSA_BITS} bits or more, or an EC key")
    return keys


def published_keys(member: Mapping[str, Any]) -> Keys:
    """Keys for one member of a JWKS (RFC 7517 section 4); empty when it cannot verify signatures.

    Symmetric and private members are left out: a key that everybody can read proves nothing.
    """
    if member.get("use", "sig") != "sig" or "verify" not in member.get("key_ops", ["verify"]):
        return {}
    family = {"RSA": "RS256", "EC": "ES256"}.get(member.get("kty", ""))
    if family is None:
        return {}
    keys = _prepare(jwk.construct(dict(member), family).to_pem())
    named = member.get("alg")
    return {name: key for name, key in keys.items() if named in (None, name)}


def _prepare(pem: bytes) -> Keys:
    key = load_pem_public_key(pem)
    return {name: jwk.construct(pem, name) for name in _algorithms_for(key)}


def _algorithms_for(key: PublicKeyTypes) -> tuple[str, ...]:
    if isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return RSA_ALGORITHMS
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in CURVE_ALGORITHMS:
        return (CURVE_ALGORITHMS[key.curve.name],)
    return ()
