"""Whether the identity provider publishes keys that the service can verify tokens with."""

import asyncio
from collections.abc import Sequence
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from app.domain.diagnosis import Finding, Remedy, failure, ok
from app.infrastructure.diagnosis.http import explain
from app.infrastructure.download import download
from app.infrastructure.jwks import MAX_BYTES, TIMEOUT, members_of
from app.infrastructure.jwt_keys import published_keys
from app.infrastructure.jwt_verifier import jwt_verifier
from app.settings import Settings

NOT_IN_USE = "Not in use: JWT_JWKS_URL is not set."

_WHY = "Tokens of its users are refused, or answered by 503 identity_provider_unavailable."
_DISCOVER = Remedy(
    text="Take `jwks_uri` from the provider's own description of itself.",
    command="curl https://ISSUER/.well-known/openid-configuration",
)


async def examine_identity_provider(settings: Settings) -> list[Finding]:
    """Fetches the keys as the service does: no redirects, in 3 seconds, 256 KiB at most."""
    if settings.jwt_jwks_url is None:
        return [ok(NOT_IN_USE)]
    try:
        body = await asyncio.to_thread(_fetch, settings.jwt_jwks_url)
    except (HTTPError, OSError) as error:
        return [_failure(explain(error, settings.jwt_jwks_url))]
    except ValueError as error:  # of `download`: a status, or a number of bytes
        return [_failure(f"It does not answer with keys: {error}.")]
    try:
        members = members_of(body)
    except ValueError:
        return [_failure("What it answers with is no JWK Set (RFC 7517).")]
    return _judge(members, await _wanted(settings))


def _fetch(url: str) -> bytes:
    with urllib3.PoolManager(num_pools=1, maxsize=1) as pool:
        return download(pool, url, timeout=TIMEOUT, max_bytes=MAX_BYTES)


async def _wanted(settings: Settings) -> Sequence[str]:
    verifier = jwt_verifier(settings)
    try:
        return sorted(verifier.published_algorithms)
    finally:
        await verifier.close()


def _judge(members: Sequence[Any], wanted: Sequence[str]) -> list[Finding]:
    offered = [_algorithms(member) for member in members]
    usable = sum(any(name in wanted for name in names) for names in offered)
    if not usable:
        return [_unusable(members, wanted)]
    return [ok(f"{usable} of {len(members)} published keys can verify tokens.")]


def _algorithms(member: Any) -> Sequence[str]:
    try:
        return list(published_keys(member))
    except Exception:  # whatever is wrong with a key, the service ignores it
        return []


def _unusable(members: Sequence[Any], wanted: Sequence[str]) -> Finding:
    kinds = sorted({_kind(member) for member in members}) or ["none at all"]
    return _failure(
        f"None of its keys ({', '.join(kinds)}) can verify a token of {', '.join(wanted)}.",
        Remedy(
            text="List the algorithm that the provider signs with in JWT_ALGORITHMS; keys must be "
            "RSA of 2048 bits or more, or EC on P-256, P-384 or P-521."
        ),
    )


def _kind(member: Any) -> str:
    if not isinstance(member, dict):
        return "not a key"
    named = [str(member[name])[:20] for name in ("kty", "crv", "alg", "use") if name in member]
    return " ".join(named) or "no key type"


def _failure(what: str, remedy: Remedy = _DISCOVER) -> Finding:
    return failure(what, why=_WHY, remedy=remedy)
