"""Text for a terminal."""

from collections.abc import Sequence


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A line for each row, its cells in columns as wide as their widest, and `printable`."""
    safe = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in safe
    ]


def printable(text: str) -> str:
    """Without what could steer a terminal, or has no UTF-8 form: others choose keys and names."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
