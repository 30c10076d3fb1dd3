"""Numbers and times that contradict one another."""

import resource
from collections.abc import Iterator

from app.domain.diagnosis import Finding, Remedy, note, warning
from app.infrastructure.storage.capabilities import GENERIC, capabilities_of
from app.settings import Settings

SHORTEST = 1.0
"""Seconds; three attempts at a call have to fit into S3_TIMEOUT."""

BESIDE_STREAMS = 256
"""File descriptors of an API process for all else: requests, the pools, the log."""


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
