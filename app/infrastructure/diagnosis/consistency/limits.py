"""Sizes, times and numbers that contradict one another."""

import resource
from collections.abc import Iterator

from app.domain.diagnosis import Finding, Remedy, note, warning
from app.domain.policy import Policies, UploadPolicy
from app.domain.ports import Capabilities
from app.domain.usage import Limits
from app.infrastructure.policy_file import load_limits, load_policies
from app.infrastructure.storage.capabilities import GENERIC, capabilities_of
from app.settings import Settings

LONG_LIVED = 12 * 3600
"""Seconds of a URL's life from which on one that has leaked can be misused for long."""

SHORTEST = 1.0
"""Seconds; three attempts at a call have to fit into S3_TIMEOUT."""

BESIDE_STREAMS = 256
"""File descriptors of an API process for all else: requests, the pools, the log."""

_POLICIES = "the policy {0.name!r} (UPLOAD_POLICIES_FILE)"


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


def store_profile(settings: Settings) -> Iterator[Finding]:
    if settings.s3_provider == "auto" and capabilities_of(settings) is GENERIC:
        yield note(
            "S3_PROVIDER is auto, and what answers at S3_ENDPOINT_URL is not known by its name.",
            "It is used as any store: no write-once, no checksums, no forms.",
            Remedy(text="Name the provider, if it is one of these.", command="S3_PROVIDER=minio"),
        )


def counting(settings: Settings) -> Iterator[Finding]:
    unlimited = settings.rate_limit.strip().lower() in ("", "none")
    if unlimited and settings.is_production:
        yield note(
            "RATE_LIMIT is none.",
            "One caller may take all that the service can do.",
            Remedy(text="Set one, unless what is before the service limits."),
        )
    if not unlimited and settings.workers > 1 and settings.rate_limit_storage_url is None:
        yield note(
            f"RATE_LIMIT is counted in each of {settings.workers} processes.",
            f"Up to {settings.workers} times as many calls pass.",
            Remedy(
                text="Have Redis count for all, or divide the limit.",
                command="RATE_LIMIT_STORAGE_URL=redis://…",
            ),
        )


def impatience(settings: Settings) -> Iterator[Finding]:
    times = {
        "S3_TIMEOUT": settings.s3_timeout,
        "S3_COMPLETE_TIMEOUT": settings.s3_complete_timeout,
        "DATABASE_TIMEOUT": settings.database_timeout,
    }
    for name, seconds in times.items():
        if seconds < SHORTEST:
            yield warning(
                f"{name} is {seconds:g} s.",
                why="A moment's delay then fails calls that would have succeeded.",
                remedy=Remedy(text="Leave it out: the default bounds what matters."),
            )


def descriptors(settings: Settings) -> Iterator[Finding]:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_streams + BESIDE_STREAMS
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        yield note(
            f"A process may have {allowed} files open, and MAX_STREAMS is {settings.max_streams}.",
            "Connections are then refused by the system, before the service can say why.",
            Remedy(text="Raise the limit, or lower MAX_STREAMS.", command=f"ulimit -n {wanted}"),
        )


def _policies(settings: Settings) -> Policies:
    return load_policies(settings.upload_policies_file, settings.presign_expires_in)
