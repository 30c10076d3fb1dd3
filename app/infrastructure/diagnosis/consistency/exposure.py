"""Who can reach what, and what they learn."""

from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

from app.domain.diagnosis import Finding, Remedy, note, warning
from app.infrastructure.diagnosis.consistency.browsers import is_loopback
from app.settings import Settings


def proxies(settings: Settings) -> Iterator[Finding]:
    for entry in settings.trusted_proxies:
        if finding := _judge_proxy(entry):
            yield finding
    if not settings.trusted_proxies and settings.is_production:
        yield _no_proxy(settings)


def _judge_proxy(entry: str) -> Finding | None:
    if entry == "*" or entry.endswith("/0"):
        return warning(
            f"TRUSTED_PROXIES is {entry}: everybody is believed.",
            why="Any caller may choose the address that anonymous rate limits count.",
            remedy=Remedy(text="Name the addresses of your proxies."),
        )
    try:
        ip_network(entry)
    except ValueError:
        return warning(
            f"TRUSTED_PROXIES has {entry!r}, which is no address and no network.",
            why="It is compared with addresses, and equals none: that proxy is not believed.",
            remedy=Remedy(
                text="Write addresses, or networks by their first address.",
                command="TRUSTED_PROXIES=10.0.0.0/8,192.0.2.7",
            ),
        )
    return None


def _no_proxy(settings: Settings) -> Finding:
    why = (
        "Anonymous callers then share one rate limit, the proxy's, and Strict-Transport-Security "
        "is not sent."
    )
    remedy = Remedy(text="Name the proxy's address.", command="TRUSTED_PROXIES=127.0.0.1")
    if is_loopback(settings.host):
        what = f"HOST is {settings.host}, which only a proxy here reaches, and none is trusted."
        return warning(what, why=why, remedy=remedy)
    return note("TRUSTED_PROXIES is empty, in case there is a proxy.", why, remedy)


def development_for_others(settings: Settings) -> Iterator[Finding]:
    if not settings.is_production and not is_loopback(settings.host):
        yield warning(
            f"ENVIRONMENT is development, and HOST is {settings.host}: others reach it.",
            why="Development does not refuse weak secrets, nor engines that are no server's.",
            remedy=Remedy(
                text="Listen on this machine alone, or run as production.",
                command="HOST=127.0.0.1",
            ),
        )


def open_webhooks(settings: Settings) -> Iterator[Finding]:
    if settings.is_production and settings.webhook_allowed_networks:
        networks = ", ".join(settings.webhook_allowed_networks)
        yield warning(
            f"Webhooks may reach {networks} (WEBHOOK_ALLOWED_NETWORKS).",
            why="Every user can then have the service call what is in there, by plain HTTP too.",
            remedy=Remedy(text="Leave it empty, unless you trust every user with that."),
        )


def queue_without_tls(settings: Settings) -> Iterator[Finding]:
    url = urlsplit(settings.s3_events_queue_url or "")
    if settings.is_production and url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield warning(
            "S3_EVENTS_QUEUE_URL is plain HTTP.",
            why="Keys of files can be read on the way, and events taken away.",
            remedy=Remedy(text="Use its https address."),
        )


def what_is_logged(settings: Settings) -> Iterator[Finding]:
    if not settings.is_production:
        return
    if settings.log_format == "console":
        yield note(
            "LOG_FORMAT is console.",
            "Lines for people: what collects logs reads JSON.",
            Remedy(text="Leave it to ENVIRONMENT.", command="LOG_FORMAT=auto"),
        )
    if settings.log_level == "DEBUG":
        yield note(
            "LOG_LEVEL is DEBUG.",
            "Probes and every job write lines too.",
            Remedy(text="Set it while you look for something.", command="LOG_LEVEL=INFO"),
        )
