"""Whether the store refuses what was not signed: each claim of the profile, by breaking it."""

from dataclasses import dataclass

from app.domain.checksum import Checksum
from app.domain.diagnosis import Finding, Remedy, failure, note, ok
from app.infrastructure.diagnosis.attempts import (
    POST,
    PUT,
    Attempt,
    another_key,
    another_key_in_form,
    another_length,
    another_type,
    another_type_in_form,
    assembled_with,
    read_another,
    second_assembly,
    second_put,
    with_checksum,
)
from app.infrastructure.diagnosis.probe import BODY, wrong_checksum
from app.infrastructure.diagnosis.store import StoreAccess

_LAWLESS = Remedy(
    text="No setting makes up for it: the store, or a proxy that signs anew, does not verify "
    "signatures. Do not let clients upload to it before it does."
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a store must refuse, why, and what to do about one that does not."""

    what: str
    why: str
    attempt: Attempt
    remedy: Remedy = _LAWLESS


async def examine_enforcement(access: StoreAccess) -> list[Finding]:
    """Every claim, one after the other."""
    findings = [await _examine(access, claim) for claim in claims_of(access)]
    broken = [finding for finding in findings if finding is not None]
    if broken:
        return broken
    return [ok(_refused(access)), *_unclaimed(access)]


async def _examine(access: StoreAccess, claim: Claim) -> Finding | None:
    async with access.probe() as key:
        answer = await claim.attempt(access, key)
    if 400 <= answer.status < 500:
        return None
    what = f"The store does not refuse {claim.what} (it answers {answer})."
    return failure(what, why=claim.why, remedy=claim.remedy)


def claims_of(access: StoreAccess) -> list[Claim]:
    """What the profile promises, and what every store must do."""
    provider = access.capabilities
    claims = list(_ALWAYS)
    if provider.write_once:
        claims.append(_WRITE_ONCE)
    claims += [_checksum_claim(wrong_checksum(a)) for a in sorted(provider.checksums)]
    if provider.post_form:
        claims += _FORMS
    if provider.multipart_write_once:
        claims.append(_MULTIPART_WRITE_ONCE)
    claims += [_assembly_claim(wrong_checksum(a)) for a in sorted(provider.multipart_checksums)]
    return claims


def _refused(access: StoreAccess) -> str:
    provider = access.capabilities
    names = ["length", "type", "key"]
    names += ["a second write"] if provider.write_once else []
    names += ["checksum"] if provider.checksums else []
    return f"Refused, as the profile {provider.name} says: another {', '.join(names)}."


def _unclaimed(access: StoreAccess) -> list[Finding]:
    if access.capabilities.write_once:
        return []
    why = "Whoever has an upload's URL can replace the object until the URL ends."
    text = "If the store is one of aws, r2, minio or seaweedfs, say so."
    remedy = Remedy(text=text, command="S3_PROVIDER=minio")
    profile = access.capabilities.name
    return [note(f"The profile {profile} does not claim that a URL writes once.", why, remedy)]


def _checksum_claim(wrong: Checksum) -> Claim:
    return Claim(
        what=f"bytes that are not those of the signed {wrong.algorithm}",
        why="What was damaged on its way, or exchanged, counts as verified.",
        attempt=with_checksum(wrong),
        remedy=_profile("asks for no checksums"),
    )


def _assembly_claim(wrong: Checksum) -> Claim:
    return Claim(
        what=f"parts that do not make up the declared {wrong.algorithm}",
        why="A file whose parts were damaged or exchanged counts as verified.",
        attempt=assembled_with(wrong),
        remedy=_profile("asks for no checksums"),
    )


def _profile(does: str) -> Remedy:
    return Remedy(
        text=f"Choose a profile that does not rely on it: `generic` {does}.",
        command="S3_PROVIDER=generic",
    )


_WHY_LENGTH = "A URL for a small file takes any amount of data, past every quota."
_WHY_TYPE = "A URL for a picture takes a page with scripts, which your domain then serves."
_WHY_KEY = "Whoever has one URL can write every object."
_WHY_ONCE = "Whoever has an upload's URL can replace the object after it was verified."

_ALWAYS = (
    Claim("more bytes than were signed", _WHY_LENGTH, another_length(PUT, BODY + b"0")),
    Claim("fewer bytes than were signed", _WHY_LENGTH, another_length(PUT, BODY[:-1])),
    Claim("another type than was signed", _WHY_TYPE, another_type),
    Claim("a write to another key than was signed", _WHY_KEY, another_key),
    Claim(
        "a read of another key than was signed",
        "Whoever has one URL can read every object.",
        read_another,
    ),
)
_WRITE_ONCE = Claim(
    "a second write by the same URL",
    _WHY_ONCE,
    second_put,
    _profile("does not promise that a URL writes once; keep PRESIGN_EXPIRES_IN short then"),
)
_MULTIPART_WRITE_ONCE = Claim(
    "the completion of a multipart upload onto an object",
    _WHY_ONCE,
    second_assembly,
    _profile("does not promise that an upload writes once"),
)
_FORMS = (
    Claim(
        "more bytes in a form than were signed",
        _WHY_LENGTH,
        another_length(POST, BODY + b"0"),
        _profile("hands out no forms"),
    ),
    Claim(
        "another type in a form than was signed",
        _WHY_TYPE,
        another_type_in_form,
        _profile("hands out no forms"),
    ),
    Claim(
        "another key in a form than was signed",
        _WHY_KEY,
        another_key_in_form,
        _profile("hands out no forms"),
    ),
)
