"""Upload policies that promise what cannot be had."""

from collections.abc import Iterator
from mimetypes import MimeTypes

from app.domain import media_type
from app.domain.diagnosis import Finding, Remedy, note, warning
from app.domain.policy import Policies, UploadPolicy
from app.domain.ports import Capabilities
from app.domain.usage import Limits
from app.infrastructure.policy_file import load_limits, load_policies
from app.infrastructure.storage.capabilities import capabilities_of
from app.settings import Settings

LONG_LIVED = 12 * 3600
"""Seconds of a URL's life from which on one that has leaked can be misused for long."""

_POLICIES = "the policy {0.name!r} (UPLOAD_POLICIES_FILE)"

_USUAL = MimeTypes()
"""Python's own table, whatever the machine has."""


def sizes(settings: Settings) -> Iterator[Finding]:
    provider, quota = capabilities_of(settings), load_limits(settings.upload_policies_file)
    for policy in _policies(settings).by_name.values():
        yield from _beyond_the_store(policy, provider)
        yield from _beyond_the_quota(policy, quota)


def _beyond_the_store(policy: UploadPolicy, provider: Capabilities) -> Iterator[Finding]:
    named, most = _POLICIES.format(policy), provider.max_object_size
    if policy.max_size is not None and policy.max_size > most:
        yield warning(
            f"max_size of {named} is {policy.max_size}; an object of {provider.name} has at most "
            f"{most} bytes.",
            why="Between the two, uploads are refused by the provider's limit, not by yours.",
            remedy=Remedy(text="Lower max_size, or leave it out."),
        )
    if policy.multipart_threshold > provider.max_put_size:
        yield warning(
            f"multipart_threshold of {named} is {policy.multipart_threshold}; one request carries "
            f"at most {provider.max_put_size} bytes.",
            why="Between the two, `method: auto` is refused where parts would do.",
            remedy=Remedy(text="Lower multipart_threshold."),
        )


def _beyond_the_quota(policy: UploadPolicy, quota: Limits) -> Iterator[Finding]:
    for name, limit in (("bytes", quota.bytes), ("in_flight_bytes", quota.in_flight_bytes)):
        if policy.max_size is not None and limit is not None and policy.max_size > limit:
            yield note(
                f"max_size of {_POLICIES.format(policy)} is {policy.max_size}, and {name} of "
                f"[quota] is {limit}.",
                "Files of that size are refused as quota_exceeded, save to owners with limits of "
                "their own.",
                Remedy(text=f"Raise {name}, or lower max_size."),
            )


def lifetimes(settings: Settings) -> Iterator[Finding]:
    for policy in _policies(settings).by_name.values():
        if policy.max_expires_in > LONG_LIVED:
            yield note(
                f"URLs of {_POLICIES.format(policy)} may live {policy.max_expires_in // 3600} h.",
                "One that has leaked can be used for as long, and cannot be called back.",
                Remedy(
                    text="Let it be minutes: clients ask for another URL when they need one.",
                    command="PRESIGN_EXPIRES_IN=900",
                ),
            )


def extensions(settings: Settings) -> Iterator[Finding]:
    """Names that a policy allows, and whose usual type it refuses."""
    for policy in _policies(settings).by_name.values():
        for extension in policy.extensions if policy.types else ():
            usual, _ = _USUAL.guess_type(f"a.{extension}")
            if usual is not None and not media_type.matches(usual, policy.types):
                yield note(
                    f"{_POLICIES.format(policy)} allows names in .{extension}, and not {usual}.",
                    "Clients declare that type for them, and are refused.",
                    Remedy(text="Allow both, or neither."),
                )


def _policies(settings: Settings) -> Policies:
    return load_policies(settings.upload_policies_file, settings.presign_expires_in)
