"""Bearer tokens: JSON Web Tokens (RFC 7519) verified after the advice of RFC 8725."""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from jose import jws
from jose.backends.base import Key
from jose.exceptions import JWSError

from app.domain.principal import Principal
from app.exceptions.errors import Unauthorized
from app.infrastructure.jwks import Jwks
from app.infrastructure.jwt_claims import ClaimRules, Claims
from app.infrastructure.jwt_keys import PUBLIC_KEY_ALGORITHMS, Keys, pem_keys, secret_keys
from app.settings import Settings

MAX_TOKEN_LENGTH = 8192
CACHE_SIZE = 4096
"""Verified tokens kept; at a typical 1 KiB each about 4 MiB."""
CACHE_SECONDS = 300.0
"""How long a verified token is trusted before its signature is checked again."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
"""JWS compact serialisation, RFC 7515 section 3.1."""

_ONLY_IF_LISTED = frozenset({"HS384", "HS512", "RS384", "RS512"})


class JwtVerifier:
    """Turns a token into the principal it proves.

    `algorithms` is the whole of what is accepted; those in `keys` are verified with the
    configured key, the others with what `jwks_url` publishes.
    """

    def __init__(
        self,
        *,
        algorithms: frozenset[str],
        keys: Keys,
        rules: ClaimRules,
        jwks_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._algorithms = algorithms
        self._keys = keys
        self._rules = rules
        self._clock = clock
        self._verified: OrderedDict[str, tuple[Principal, float]] = OrderedDict()
        self._jwks = Jwks(jwks_url, on_change=self._verified.clear) if jwks_url else None

    async def verify(self, token: str) -> Principal:
        """The token's principal.

        Raises `Unauthorized`, whose detail says what is wrong without repeating the token, and
        `IdentityProviderUnavailable` when the key that could tell cannot be fetched.
        """
        known = self._verified.get(token)
        if known is not None and self._clock() < known[1]:
            self._verified.move_to_end(token)
            return known[0]
        claims = await self._signed_claims(token)
        now = self._clock()
        principal = self._rules.principal(claims, now)
        self._remember(token, principal, min(self._rules.expiry(claims), now + CACHE_SECONDS))
        return principal

    @property
    def published_algorithms(self) -> frozenset[str]:
        """Those accepted whose keys are fetched, as none is configured."""
        return self._algorithms - set(self._keys)

    async def close(self) -> None:
        if self._jwks is not None:
            await self._jwks.close()

    async def _signed_claims(self, token: str) -> Claims:
        header = _header(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            accepted = ", ".join(sorted(self._algorithms))
            raise Unauthorized(f"The token's algorithm is not accepted; it must be {accepted}.")
        return _claims(token, algorithm, await self._candidates(algorithm, header.get("kid")))

    async def _candidates(self, algorithm: str, kid: Any) -> tuple[Key, ...]:
        if algorithm in self._keys:
            return (self._keys[algorithm],)
        if not isinstance(kid, str | None):
            raise Unauthorized("The token's key id (kid) must be a string.")
        keys = await self._jwks.find(algorithm, kid) if self._jwks else ()
        if not keys:
            raise Unauthorized("The token is signed with a key that the issuer does not publish.")
        return keys

    def _remember(self, token: str, principal: Principal, until: float) -> None:
        self._verified[token] = (principal, until)
        self._verified.move_to_end(token)
        if len(self._verified) > CACHE_SIZE:
            self._verified.popitem(last=False)


def jwt_verifier(settings: Settings, clock: Callable[[], float] = time.time) -> JwtVerifier:
    """The verifier that the settings describe; `ValueError` names the setting that is wrong."""
    secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else None
    keys = {
        **_configured("JWT_SECRET", secret_keys, secret),
        **_configured("JWT_PUBLIC_KEY", pem_keys, settings.jwt_public_key),
    }
    return JwtVerifier(
        algorithms=_accepted(settings, keys),
        keys=keys,
        rules=ClaimRules(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            leeway=settings.jwt_leeway,
        ),
        jwks_url=settings.jwt_jwks_url,
        clock=clock,
    )


def _configured(name: str, prepare: Callable[[str], Keys], material: str | None) -> Keys:
    try:
        return prepare(material) if material else {}
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _accepted(settings: Settings, keys: Keys) -> frozenset[str]:
    """JWT_ALGORITHMS, or the usual one of each kind of key: HS256, RS256, a curve's own."""
    possible = {*keys, *(PUBLIC_KEY_ALGORITHMS if settings.jwt_jwks_url else ())}
    if not possible:
        raise ValueError("set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL")
    for name in settings.jwt_algorithms:
        if name not in possible:
            raise ValueError(f"JWT_ALGORITHMS lists {name}, for which there is no key")
    return frozenset(settings.jwt_algorithms or possible - _ONLY_IF_LISTED)


def _header(token: str) -> Mapping[str, Any]:
    """The JOSE header, not verified yet (RFC 7515 section 4)."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise Unauthorized(f"The token is longer than {MAX_TOKEN_LENGTH} characters.")
    if not _COMPACT.fullmatch(token):
        raise Unauthorized("The token is not a signed JWT: header.payload.signature.")
    try:
        header: Mapping[str, Any] = jws.get_unverified_header(token)
    except (JWSError, RecursionError):
        raise Unauthorized("The token's header cannot be read.") from None
    if "crit" in header:
        raise Unauthorized("The token demands an extension (crit) that is not supported.")
    return header


def _claims(token: str, algorithm: str, keys: tuple[Key, ...]) -> Claims:
    """The claims of a token that one of `keys` has signed."""
    try:
        payload = jws.verify(token, keys, [algorithm])  # type: ignore[arg-type]  # a gap in the stub
    except JWSError:
        raise Unauthorized("The token's signature does not verify.") from None
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise Unauthorized("The token's claims are not a JSON object.")
    return claims
