"""The times of an error document, in the three ways that stores write them."""

from datetime import UTC, datetime, timedelta

_FORMATS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y%m%dT%H%M%SZ",
    "%a, %d %b %Y %H:%M:%S GMT",
)


def parse_time(text: str | None) -> datetime | None:
    for form in _FORMATS:
        try:
            return datetime.strptime(text or "", form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta) -> str:
    """Such as `3 hours` or `54 seconds`, rounded down, whichever way it goes."""
    seconds = int(abs(length.total_seconds()))
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}s"
    return f"{seconds} seconds"
