"""Numbers as people say them."""

from datetime import timedelta

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def said(span: timedelta) -> str:
    """In whole units of the largest that it has twice, such as `90 s`, `5 min`, `36 h`, `3 d`."""
    seconds = round(span.total_seconds())
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def counted(count: int, noun: str) -> str:
    """Such as `1 upload`, `2 uploads`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
